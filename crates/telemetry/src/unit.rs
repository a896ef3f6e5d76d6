//! Units: a closed registry, so that `C`, `degC` and `°C` can't stand for the same thing.

use std::fmt;
use std::str::FromStr;

use crate::error::Invalid;

macro_rules! units {
    ($($(#[$doc:meta])* $name:ident = $symbol:literal $(| $alias:literal)*;)*) => {
        /// A unit of measurement.
        ///
        /// Stored and sent as its [`symbol`](Unit::symbol); a few ASCII spellings are understood
        /// on the way in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Unit { $($(#[$doc])* $name,)* }

        impl Unit {
            /// Every unit.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The unit's one spelling in storage and answers: `°C`.
            pub fn symbol(self) -> &'static str {
                match self { $(Self::$name => $symbol),* }
            }

            fn spellings(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$symbol $(, $alias)*]),* }
            }
        }
    };
}

units! {
    /// Degrees Celsius.
    Celsius = "°C" | "degC" | "celsius";
    /// Degrees Fahrenheit.
    Fahrenheit = "°F" | "degF" | "fahrenheit";
    /// Kelvin.
    Kelvin = "K" | "kelvin";
    /// Percent; relative humidity, state of charge, duty cycle.
    Percent = "%" | "percent";
    /// Lux, illuminance.
    Lux = "lux" | "lx";
    /// Parts per million.
    PartsPerMillion = "ppm";
    /// Parts per billion.
    PartsPerBillion = "ppb";
    /// Micrograms per cubic metre.
    MicrogramsPerCubicMetre = "µg/m³" | "μg/m³" | "ug/m3" | "µg/m3";
    /// Grams per cubic metre.
    GramsPerCubicMetre = "g/m³" | "g/m3";
    /// Kilograms per kilogram; humidity ratio.
    KilogramsPerKilogram = "kg/kg";
    /// Dimensionless; counts, ratios, and states as 0 and 1.
    One = "1" | "bool" | "count";
    /// Pascal.
    Pascal = "Pa";
    /// Hectopascal.
    Hectopascal = "hPa" | "mbar";
    /// Kilopascal.
    Kilopascal = "kPa";
    /// Bar.
    Bar = "bar";
    /// Watt.
    Watt = "W";
    /// Kilowatt.
    Kilowatt = "kW";
    /// Watt hour.
    WattHour = "Wh";
    /// Kilowatt hour.
    KilowattHour = "kWh";
    /// Joule.
    Joule = "J";
    /// Volt.
    Volt = "V";
    /// Millivolt.
    Millivolt = "mV";
    /// Ampere.
    Ampere = "A";
    /// Milliampere.
    Milliampere = "mA";
    /// Hertz.
    Hertz = "Hz";
    /// Decibel, of sound pressure if nothing else is said.
    Decibel = "dB";
    /// Decibel relative to one milliwatt; radio signal strength.
    DecibelMilliwatt = "dBm";
    /// Millimetre; rain.
    Millimetre = "mm";
    /// Metre.
    Metre = "m";
    /// Metres per second.
    MetresPerSecond = "m/s";
    /// Metres per second squared.
    MetresPerSecondSquared = "m/s²" | "m/s2";
    /// Cubic metre.
    CubicMetre = "m³" | "m3";
    /// Cubic metres per hour.
    CubicMetresPerHour = "m³/h" | "m3/h";
    /// Litre.
    Litre = "L" | "l";
    /// Kilogram.
    Kilogram = "kg";
    /// Gram.
    Gram = "g";
    /// Second.
    Second = "s";
    /// Millisecond.
    Millisecond = "ms";
    /// Degree of angle.
    Degree = "°" | "deg";
    /// Acidity.
    Acidity = "pH";
    /// Lumen.
    Lumen = "lm";
    /// Volt-ampere.
    VoltAmpere = "VA";
}

impl FromStr for Unit {
    type Err = Invalid;

    /// Understands symbols and the ASCII spellings, both exactly.
    ///
    /// # Errors
    /// [`Invalid`] for anything else, listing the units that are spelled nearly so.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.iter().find(|unit| unit.spellings().contains(&text));
        known.copied().ok_or_else(|| Invalid::new("unit", unknown(text)))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// The longest text that near spellings are sought for, in characters.
const MAX_SOUGHT: usize = 16;

fn unknown(text: &str) -> String {
    let near = near(text);
    let listed = if near.is_empty() { Unit::ALL.to_vec() } else { near };
    let symbols: Vec<_> = listed.iter().map(|unit| format!("`{unit}`")).collect();
    let lead = if listed.len() == Unit::ALL.len() { "known are" } else { "near it are" };
    format!("unknown unit; {lead} {}", symbols.join(", "))
}

/// At most five units with a spelling no more than half its length away, the nearest first.
fn near(text: &str) -> Vec<Unit> {
    let sought: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    if sought.is_empty() || sought.len() > MAX_SOUGHT {
        return Vec::new();
    }
    let mut near: Vec<(usize, Unit)> = Unit::ALL
        .iter()
        .filter_map(|unit| {
            let spellings = unit.spellings().iter();
            let best = spellings.map(|spelling| (distance(&sought, spelling), spelling)).min()?;
            (best.0 <= best.1.chars().count() / 2).then_some((best.0, *unit))
        })
        .collect();
    near.sort();
    near.into_iter().take(5).map(|(_, unit)| unit).collect()
}

/// How many characters to insert, drop or change (Levenshtein), letter case aside.
fn distance(sought: &[char], spelling: &str) -> usize {
    let mut row: Vec<usize> = (0..=sought.len()).collect();
    for (line, letter) in spelling.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in sought.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[sought.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_means_one_unit() {
        let mut seen = std::collections::BTreeMap::new();
        for unit in Unit::ALL {
            for spelling in unit.spellings() {
                assert_eq!(seen.insert(*spelling, *unit), None, "{spelling}");
                assert_eq!(spelling.parse(), Ok(*unit));
            }
        }
    }

    #[test]
    fn unknown_units_list_near_ones_and_never_the_text() {
        for (text, near) in
            [("C", "`°C`"), ("Lux", "`lux`"), ("pmm", "`ppm`"), ("kwh", "`kWh`"), ("degc", "`°C`")]
        {
            let rule = text.parse::<Unit>().unwrap_err().rule;
            assert!(rule.contains("near it are") && rule.contains(near), "{text}: {rule}");
        }
        let rule = "furlongs per fortnight".parse::<Unit>().unwrap_err().rule;
        assert!(rule.contains("known are `°C`") && !rule.contains("furlong"), "{rule}");
        assert!("".parse::<Unit>().is_err());
    }
}

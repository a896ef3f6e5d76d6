//! Plans in short, as on a command line: items separated by `;`.

use std::fmt;
use std::str::FromStr;

use firekeep_core::{Error, Result};

use super::kind::FaultKind;
use super::method::Method;
use super::plan::{ALL, FaultPlan, ProjectFaults};

/// `method:kind=rate,…`, `contention`, `document-rate=1`, `ramp=500` and `seed=7`, each of the first
/// four after `project/` for one project alone.
impl FromStr for FaultPlan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut plan = Self::default();
        let mut all = ProjectFaults::default();
        for item in text.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            match item.split_once('/') {
                Some((project, item)) => {
                    take(plan.projects.entry(project.trim().to_owned()).or_default(), item)?;
                }
                None => match item.split_once('=') {
                    Some((key, seed)) if key.trim() == "seed" => {
                        let refusal =
                            |_| Error::invalid("a seed must be a whole number").at_path("seed");
                        plan.seed = Some(seed.trim().parse().map_err(refusal)?);
                    }
                    _ => take(&mut all, item)?,
                },
            }
        }
        plan.set_all(all);
        plan.check()?;
        Ok(plan)
    }
}

fn take(faults: &mut ProjectFaults, item: &str) -> Result<()> {
    let item = item.trim();
    if let Some((method, rates)) = item.split_once(':') {
        let name = match method.trim() {
            ALL => ALL.to_owned(),
            name => name.parse::<Method>()?.name().to_owned(),
        };
        let taken = faults.methods.entry(name).or_default();
        for pair in rates.split(',') {
            let refusal = || Error::invalid("expected `kind=rate`").at_path(item);
            let (kind, rate) = pair.split_once('=').ok_or_else(refusal)?;
            let place = |error: Error| error.at_path(format!("{}:{}", method.trim(), kind.trim()));
            taken.insert(kind.parse::<FaultKind>()?, rate.parse().map_err(place)?);
        }
        return Ok(());
    }
    let (key, value) = item.split_once('=').map_or((item, None), |(key, value)| (key, Some(value)));
    let number = || {
        let refusal = || Error::invalid("expected a number").at_path(key);
        value.and_then(|value| value.trim().parse().ok()).ok_or_else(refusal)
    };
    match key.trim() {
        "contention" if value.is_none() => faults.contention = true,
        "document-rate" => faults.document_rate = Some(number()?),
        "ramp" => faults.ramp = Some(number()?),
        _ => {
            let known =
                "expected `method:kind=rate`, `contention`, `document-rate`, `ramp` or `seed`";
            return Err(Error::invalid(known).at_path(item));
        }
    }
    Ok(())
}

/// The short form, which [`FromStr`] reads again.
impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items: Vec<String> = self.seed.iter().map(|seed| format!("seed={seed}")).collect();
        items.extend(items_of(&self.all()));
        for (project, faults) in &self.projects {
            items.extend(items_of(faults).into_iter().map(|item| format!("{project}/{item}")));
        }
        f.write_str(&items.join(";"))
    }
}

fn items_of(faults: &ProjectFaults) -> Vec<String> {
    let rates = faults.methods.iter().filter(|(_, rates)| !rates.is_empty());
    let mut items: Vec<String> = rates
        .map(|(method, rates)| {
            let rates: Vec<_> = rates.iter().map(|(kind, rate)| format!("{kind}={rate}")).collect();
            format!("{method}:{}", rates.join(","))
        })
        .collect();
    items.extend(faults.contention.then(|| "contention".to_owned()));
    items.extend(faults.document_rate.map(|rate| format!("document-rate={rate}")));
    items.extend(faults.ramp.map(|rate| format!("ramp={rate}")));
    items
}

//! Rows by how near their vectors are.

use firekeep_core::{Document, Value};

use crate::decode::{Measure, Nearest};

impl Nearest {
    /// Those of `rows` that have a vector of the same dimension there and are not too far, the nearest
    /// first; of two as near, the one that came first.
    pub(super) fn of(&self, rows: Vec<Document>) -> Vec<Document> {
        let measured = rows.into_iter().filter_map(|row| Some((self.distance(&row)?, row)));
        let mut near: Vec<_> = measured.filter(|(distance, _)| self.reaches(*distance)).collect();
        near.sort_by(|(left, _), (right, _)| self.rank(*left).total_cmp(&self.rank(*right)));
        near.truncate(self.limit);
        near.into_iter().map(|(distance, row)| self.told(distance, row)).collect()
    }

    fn distance(&self, row: &Document) -> Option<f64> {
        match row.find(&self.field) {
            Some(Value::Vector(numbers)) if numbers.len() == self.to.len() => {
                Some(self.measure.between(&self.to, numbers))
            }
            _ => None,
        }
    }

    /// Smaller for what is nearer. What can't be measured, such as an angle to nowhere, is last.
    fn rank(&self, distance: f64) -> f64 {
        match self.measure {
            _ if distance.is_nan() => f64::NAN,
            Measure::DotProduct => -distance,
            Measure::Euclidean | Measure::Cosine => distance,
        }
    }

    fn reaches(&self, distance: f64) -> bool {
        match (self.threshold, self.measure) {
            (None, _) => true,
            (Some(least), Measure::DotProduct) => distance >= least,
            (Some(most), _) => distance <= most,
        }
    }

    /// `row`, with how far it is if the search asks for that.
    fn told(&self, distance: f64, row: Document) -> Document {
        let Some(field) = &self.result_field else { return row };
        let (path, created, updated) = (row.path().clone(), row.created(), row.updated());
        let mut fields = row.into_fields();
        field.place(&mut fields, Value::Double(distance));
        Document::new(path, fields, created, updated)
    }
}

impl Measure {
    fn between(self, left: &[f64], right: &[f64]) -> f64 {
        let pairs = || left.iter().zip(right);
        let product = || pairs().map(|(a, b)| a * b).sum::<f64>();
        let length = |vector: &[f64]| vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        match self {
            Self::Euclidean => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
            Self::Cosine => 1.0 - product() / (length(left) * length(right)),
            Self::DotProduct => product(),
        }
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{DocPath, FieldPath, Timestamp, fields};

    use super::*;

    fn rows() -> Vec<Document> {
        let vectors: [(&str, Value); 6] = [
            ("zero", Value::Vector(vec![0.0, 0.0])),
            ("right", Value::Vector(vec![1.0, 2.0])),
            ("left", Value::Vector(vec![-1.0, 2.0])),
            ("short", Value::Vector(vec![1.0])),
            ("number", Value::Integer(1)),
            ("array", Value::Array(vec![Value::Double(1.0), Value::Double(1.0)])),
        ];
        let at = Timestamp::UNIX_EPOCH;
        let row = |(id, vector)| {
            let path = DocPath::new(format!("c/{id}")).unwrap();
            Document::new(path, fields! { "v" => vector }, at, at)
        };
        vectors.into_iter().map(row).collect()
    }

    fn search(measure: Measure) -> Nearest {
        Nearest {
            field: FieldPath::parse("v").unwrap(),
            to: vec![1.0, 1.0],
            measure,
            limit: 10,
            threshold: None,
            result_field: Some(FieldPath::parse("far.off").unwrap()),
        }
    }

    /// Order and distances are those of the official emulator for the same rows.
    #[test]
    fn rows_come_by_distance_and_tell_it() {
        for (measure, expected) in [
            (
                Measure::Euclidean,
                vec![("right", 1.0), ("zero", 2_f64.sqrt()), ("left", 5_f64.sqrt())],
            ),
            (
                Measure::Cosine,
                vec![
                    ("right", 0.05131670194948623),
                    ("left", 0.683772233983162),
                    ("zero", f64::NAN),
                ],
            ),
            (Measure::DotProduct, vec![("right", 3.0), ("left", 1.0), ("zero", 0.0)]),
        ] {
            let near = search(measure).of(rows());
            let ids: Vec<_> = near.iter().map(Document::id).collect();
            assert_eq!(ids, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
            for (row, (_, distance)) in near.iter().zip(expected) {
                let told = row.find(&FieldPath::parse("far.off").unwrap()).unwrap();
                let told = told.as_double().unwrap();
                let same = (told - distance).abs() < 1e-12 || (told.is_nan() && distance.is_nan());
                assert!(same, "{measure:?}: {told} instead of {distance}");
            }
        }
    }

    #[test]
    fn a_threshold_and_a_limit_keep_the_nearest() {
        let ids = |search: Nearest| {
            let near = search.of(rows());
            near.iter().map(|row| row.id().to_owned()).collect::<Vec<_>>()
        };
        let within = |measure, threshold| Nearest { threshold: Some(threshold), ..search(measure) };
        assert_eq!(ids(within(Measure::Euclidean, 1.5)), ["right", "zero"]);
        assert_eq!(ids(within(Measure::DotProduct, 1.0)), ["right", "left"]);
        assert_eq!(ids(within(Measure::Cosine, 2.0)), ["right", "left"]);
        assert_eq!(ids(Nearest { limit: 1, ..search(Measure::Euclidean) }), ["right"]);
    }
}

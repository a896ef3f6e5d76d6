//! All faults of a stream of changes at once, drawn from seeds.

use crate::subscriber::Subscriber;

const PLAN: &str = "listen:unavailable=0.1,internal=0.1,cut=0.03,disconnect=0.02,break=0.05,\
                    silence=0.02,reset=0.05,stale-token=0.1,wrong-filter=0.03,expire-token=0.2,\
                    forget-token=0.2";

#[tokio::test]
async fn whatever_is_drawn_the_reader_ends_with_what_is_stored() {
    let mut struck = std::collections::BTreeMap::new();
    for seed in 1..=12 {
        let mut reader = Subscriber::new().await;
        let plan = format!("seed={seed};{PLAN}");
        reader.faults().set(plan.parse().unwrap()).unwrap();
        for n in 1..=40 {
            match n % 5 {
                0 => reader.delete("a").await,
                1 => reader.write("a", n).await,
                n => reader.write(["b", "d", "e"][n as usize - 2], n).await,
            }
            if n % 3 == 0 {
                reader.catches_up().await;
            }
        }
        reader.catches_up().await;
        for (kind, times) in reader.faults().counts() {
            *struck.entry(kind).or_insert(0) += times;
        }
    }
    // All that the plan has, or the seeds show nothing.
    assert_eq!(struck.len(), 11, "{struck:?}");
}

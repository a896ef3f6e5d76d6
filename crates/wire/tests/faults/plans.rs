//! How plans are written, and what is refused.

use firekeep_wire::FaultPlan;

#[test]
fn the_short_form_the_long_one_and_toml_say_the_same() {
    let short = "seed=7; commit:unavailable=0.05@2s,late=0.02@8; *:delay=0.1@1ms..20ms;\
                 listen:cut=0.01; contention; other/document-rate=1; other/ramp=500";
    let plan: FaultPlan = short.parse().unwrap();
    assert_eq!(plan.to_string().parse::<FaultPlan>().unwrap(), plan);
    assert_eq!(FaultPlan::from_json(&plan.to_json()).unwrap(), plan);
    let toml = r#"
        seed = 7
        contention = true
        [methods.Commit]
        unavailable = "0.05@2s"
        late = "0.02@8"
        [methods."*"]
        delay = "0.1@1ms..20ms"
        [methods.Listen]
        cut = 0.01
        [projects.other]
        document-rate = 1
        ramp = 500
    "#;
    assert_eq!(FaultPlan::from_toml(toml).unwrap(), plan);
}

/// Each refusal names the place and what would do.
#[test]
fn what_no_server_can_do_is_refused_by_name() {
    for (plan, place, why) in [
        ("commit:unavailable=1.5", "commit:unavailable", "between 0 and 1"),
        ("commit:unavailable=-0.1", "commit:unavailable", "between 0 and 1"),
        ("commit:unavailable=much", "commit:unavailable", "a number"),
        ("commit:unavailable=0.6,lose-reply=0.5", "Commit", "above 1 together"),
        ("commit:unavailable=0.6;*:internal=0.5", "Commit", "above 1 together"),
        ("commit:reset=0.1", "Commit:reset", "can't strike this method"),
        ("GetDocument:late=0.1", "GetDocument:late", "can't strike this method"),
        ("commit:contention=0.1", "Commit:contention", "can't strike this method"),
        ("commit:cut=0.1@2s", "cut", "no such length"),
        ("commit:unavailable=0.1@3", "unavailable", "no such length"),
        ("commit:delay=0.1@2s..1s", "commit:delay", "must not end before it begins"),
        ("commit:delay=0.1@2parsecs", "commit:delay", "such as `10ms`"),
        ("commit:sharks=0.1", "sharks", "no kind of fault"),
        ("comit:cut=0.1", "comit", "no method"),
        ("commit", "commit", "expected `method:kind=rate`"),
        ("ramp=0", "ramp", "above 0"),
        ("p/document-rate=-1", "p/document-rate", "above 0"),
        ("seed=x", "seed", "whole number"),
    ] {
        let error = plan.parse::<FaultPlan>().unwrap_err();
        assert_eq!(error.path(), Some(place), "{plan}: {error}");
        assert!(error.message().contains(why), "{plan}: {error}");
    }
    let error = FaultPlan::from_json(r#"{"methods": {"Commit": {"cut": 2}}}"#).unwrap_err();
    assert_eq!(error.path(), Some("methods.Commit.cut"));
    assert!(error.message().contains("between 0 and 1"), "{error}");
    assert!(FaultPlan::from_json(r#"{"method": {}}"#).is_err());
    assert!(FaultPlan::from_toml("methods = 3").is_err());
}

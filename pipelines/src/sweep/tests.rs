use super::*;

fn sweep(text: &str) -> Result<Sweep, Vec<String>> {
    let spec: SweepSpec = toml::from_str(text).expect(text);
    let told = |fault: Fault| format!("{}: {}", fault.key.join("."), fault.message);
    Sweep::of(&spec, 7).map_err(|faults| faults.into_iter().map(told).collect())
}

/// Every run as `key=value` words.
fn runs(text: &str) -> Vec<String> {
    let sweep = sweep(text).expect(text);
    let words = |point: Point| {
        let word = |setting: &Setting| format!("{}={}", setting.path.join("."), setting.value);
        point.iter().map(word).collect::<Vec<_>>().join(" ")
    };
    (0..sweep.len()).map(|n| words(sweep.point(n))).collect()
}

#[test]
fn axes_multiply_and_seeds_change_fastest() {
    let found = runs("grid.a.b = [1, 2]\ngrid.c = [[3], [4]]\nseeds = 2");
    let expected = [
        "a.b=1 c=[3] seed=7",
        "a.b=1 c=[3] seed=8",
        "a.b=1 c=[4] seed=7",
        "a.b=1 c=[4] seed=8",
        "a.b=2 c=[3] seed=7",
        "a.b=2 c=[3] seed=8",
        "a.b=2 c=[4] seed=7",
        "a.b=2 c=[4] seed=8",
    ];
    assert_eq!(found, expected);
    assert_eq!(
        runs("zip.a = [1, 2]\nzip.b.c = [3, 4]\nseeds = [5]"),
        ["a=1 b.c=3 seed=5", "a=2 b.c=4 seed=5"]
    );
    assert_eq!(
        runs("merge = [{ a.b = 1 }, { replace.c.d = 2 }, {}]"),
        ["={\"a\":{\"b\":1}}", "={} ={\"c\":{\"d\":2}}", "={}"]
    );
    assert_eq!(runs(""), [""], "a sweep that says nothing is the file itself");
}

#[test]
fn draws_are_functions_of_seed_key_and_number() {
    let text = |draws: u32| {
        format!(
            "draws = {draws}\ndraw.a = {{ log_uniform = [1e-4, 1e-2] }}\ndraw.b.c = {{ log_uniform = [1e-4, 1e-2] }}\n\
             draw.d = {{ integer = [-1, 2] }}\ndraw.e = {{ choice = [\"x\", true] }}"
        )
    };
    let (few, many) = (runs(&text(3)), runs(&text(400)));
    assert_eq!(few, many[..3], "a longer sweep begins with the shorter one's runs");
    let sweep = sweep(&text(400)).expect("sound");
    let values = |key: usize| (0..400).map(|n| sweep.point(n)[key].value.clone()).collect::<Vec<_>>();
    let (a, b) = (values(0), values(1));
    assert!(a.iter().zip(&b).all(|(a, b)| a != b), "two keys draw apart");
    let numbers = a.iter().map(|a| a.as_f64().expect("a number"));
    let below_middle = numbers.filter(|number| (1e-4..1e-3).contains(number)).count();
    // Half of 400, by more than four standard deviations of 10.
    assert!((155..=245).contains(&below_middle), "{below_middle} of 400 below 1e-3");
    for integer in -1..=2 {
        let count = values(2).iter().filter(|v| v.as_i64() == Some(integer)).count();
        assert!((60..=140).contains(&count), "{integer} came {count} times of 400");
    }
    assert!(values(3).contains(&Value::from("x")) && values(3).contains(&Value::from(true)));
}

#[test]
fn mistakes_are_told_all_at_once_with_their_keys() {
    let wrong = "grid.a = 3\ngrid.b = []\nzip.c = [1, 2]\nzip.d = [1]\ndraw.e = { uniform = [2.0, 1.0] }\ndraw.f = 3";
    assert_eq!(
        sweep(wrong).expect_err("six mistakes"),
        [
            "grid.a: `a` needs a list of values",
            "grid.b: `b` needs a list of values",
            "zip.d: lists that go together have one length: the first has 2 values, this one 1",
            "draw.e: `uniform` needs low < high",
            "draw.f: expected a distribution",
            "draw: `draw` does not say how often",
        ]
    );
    assert_eq!(
        sweep("draws = 3").expect_err("nothing"),
        ["draws: there is nothing to draw"]
    );
    let huge = "seeds = 1000000\ngrid.a = [1, 2]";
    assert_eq!(sweep(huge).expect_err("too many"), [": more than 1000000 runs"]);
}

//! How fast it is: `cargo test --release -p starling-learn speed -- --ignored --nocapture`. Wall time of one
//! thread, the best of many; nothing is asserted.

use super::bandit::Bandit;
use super::equality::observations;
use super::{moves, network, parameters, seat};
use crate::network::pass::Pass;
use crate::optimizer::Optimizer;
use crate::optimizer::adam::{Adam, norm};
use starling_components::learn::ReplicaState;
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::spaces::ElementKind;

/// The least milliseconds of many runs: on a busy machine some go undisturbed.
pub(crate) fn best_ms(mut f: impl FnMut()) -> f64 {
    (0..100)
        .map(|_| {
            let start = std::time::Instant::now();
            f();
            start.elapsed().as_secs_f64() * 1e3
        })
        .fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    one.install(|| {
        let policy = r#"{"activation": "tanh", "heads": {"actor": [{"dense": 64}, {"dense": 64}], "critic": [{"dense": 64}, {"dense": 64}]}}"#;
        let bandit = Bandit::new(policy, &[4], 4, 128, 4, Reset::None, false);
        let mut trainee = bandit.trainee(0);
        let mut update = 0;
        let ms = best_ms(|| {
            bandit.update(&mut trainee, 0, update);
            update += 1;
        });
        println!("PPO 4 x 128 steps, 2 x 64 tanh twice, acting included: {ms:.2} ms per update, {:.0} steps/s", 512.0 / ms * 1e3);

        let (small, values) = (&bandit.network, &trainee.parameters);
        let buffer = observations(small, 128, 0);
        let view = buffer.slice(0..buffer.len());
        let mut pass = Pass::new();
        small.gather(&mut pass, (0..128).map(|row| (view, row * 4)));
        let forward = best_ms(|| for _ in 0..20 {
            small.forward(values, &mut pass).unwrap();
        }) / 0.02;
        let backward = best_ms(|| for _ in 0..20 {
            small.backward(values, &mut pass).unwrap();
        }) / 0.02;
        let act = best_ms(|| for _ in 0..20 {
            super::acting::act(small, values, &buffer, None, 4);
        }) / 0.02;
        println!("128 rows: forward {forward:.1} us, backward {backward:.1} us, acting by 4 {act:.1} us");

        for (element, seed) in [(ElementKind::F32, 0), (ElementKind::U8, 0), (ElementKind::U8, 1)] {
            let policy = r#"{"activation": "tanh", "layers": [{"dense": 64}, {"dense": 64}]}"#;
            let network = network(policy, &seat(&[750], element, moves(6)));
            let mut parameters = parameters(&network, 1);
            let n = parameters.len();
            let buffer = observations(&network, 4096, seed);
            let view = buffer.slice(0..buffer.len());
            let adam = Adam::new(AdamSettings { rate: 1e-4.into(), b1: 0.9, b2: 0.999, eps: 1e-5, max_grad_norm: Some(0.5), reset: Reset::None });
            let (mut first, mut second, mut change) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            let (mut local_steps, mut steps) = (0, 0);
            let mut passes: Vec<Pass> = (0..8).map(|_| Pass::new()).collect();
            let mut total = vec![0.0; n];
            let ms = best_ms(|| {
                total.fill(0.0);
                for (shard, pass) in passes.iter_mut().enumerate() {
                    let rows = shard * 512..(shard + 1) * 512;
                    network.gather(pass, rows.map(|row| (view, row * 750)));
                    network.forward(&parameters, pass).unwrap();
                    let out = network.outputs(pass);
                    out.policy_slope.fill(1e-3);
                    out.value_slope.fill(1e-3);
                    network.backward(&parameters, pass).unwrap();
                    total.iter_mut().zip(pass.gradient()).for_each(|(a, b)| *a += b);
                }
                let mut state = ReplicaState { parameters: &mut parameters, first: &mut first, second: &mut second, local_steps: &mut local_steps, steps: &mut steps, memory: &mut starling_components::memory::Memory::default() };
                adam.step(&mut state, &total, 1e-4, &mut change).unwrap();
            });
            println!("MLP 750-64-64-(6+1), batch 4096, {element:?} (seed {seed}), gather + forward + backward + Adam: {ms:.2} ms (gradient {:.3})", norm(&total));
        }
    });
}

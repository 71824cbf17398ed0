//! A network as one Candle operation is the plain graph: outputs, and the gradient of a loss written in Candle.

use super::equality::close;
use super::{draws, moves, network, parameters, seat, vector};
use crate::network::candle_op::evaluate;
use crate::network::{Head, Network, Stage};
use candle_core::{D, Device, Result, Tensor, Var};
use proptest::prelude::*;
use starling_components::random::Draw;
use starling_components::spaces::ElementKind;
use std::sync::Arc;

/// The plain graph over one flat tensor of parameters.
fn plain(network: &Network, x: &Tensor, parameters: &Tensor) -> Result<(Tensor, Tensor)> {
    let chain = |stages: &[Stage], mut x: Tensor| -> Result<Tensor> {
        for stage in stages {
            let shapes = stage.layer.tensors();
            let tensors = stage.tensors.iter().zip(&shapes).map(|(place, spec)| {
                parameters
                    .narrow(0, place.start, place.len())?
                    .reshape(spec.shape.as_slice())
            });
            x = stage.layer.graph(&tensors.collect::<Result<Vec<_>>>()?, &x)?;
        }
        Ok(x)
    };
    let mut shape = vec![x.dim(0)?];
    shape.extend(&network.seat.observation.shape);
    let trunk = chain(&network.trunk, x.reshape(shape)?)?;
    Ok((
        chain(&network.actor, trunk.clone())?,
        chain(&network.critic, trunk)?.squeeze(1)?,
    ))
}

/// A loss with both outputs in it, neither linear nor the same for all rows.
fn loss(policy: &Tensor, value: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let policy = (policy.sqr()?.sum(D::Minus1)? * weights)?;
    (policy + value.exp()?)?.mean_all()
}

fn check(network: Network, rows: usize, seed: u64) -> Result<()> {
    let network = Arc::new(network);
    let mut draw = draws(seed ^ 0xca);
    let mut drawn = |len: usize| (0..len).map(|_| draw.uniform(-1.0, 1.0)).collect::<Vec<f32>>();
    let device = &Device::Cpu;
    let x = Tensor::from_vec(drawn(rows * network.inputs()), (rows, network.inputs()), device)?;
    let weights = Tensor::from_vec(drawn(rows), rows, device)?;
    let variable = Var::from_vec(parameters(&network, seed), network.layout.len(), device)?;
    let run = |fused: bool| -> Result<[Vec<f32>; 3]> {
        let (policy, value) = if fused {
            evaluate(&network, &x, &variable)?
        } else {
            plain(&network, &x, &variable)?
        };
        let gradients = loss(&policy, &value, &weights)?.backward()?;
        let gradient = gradients.get(&variable).expect("the loss depends on the parameters");
        Ok([policy.flatten_all()?.to_vec1()?, value.to_vec1()?, gradient.to_vec1()?])
    };
    let (ours, reference) = (run(true)?, run(false)?);
    for (what, (ours, reference)) in ["policy", "value", "gradient"]
        .into_iter()
        .zip(ours.iter().zip(&reference))
    {
        close(what, ours, reference);
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::equality::cases(24))]

    #[test]
    fn a_network_as_one_operation_is_the_plain_graph(
        (height, width, channels) in (1_usize..6, 1_usize..6, 1_usize..9),
        (features, side, units) in (1_usize..20, 1_usize..4, 1_usize..30),
        (rows, outputs, boxes, seed) in (1_usize..40, 1_usize..7, any::<bool>(), 0_u64..1000),
    ) {
        let policy = format!(
            r#"{{"layers": [{{"conv": [{features}, {side}]}}, "flatten", {{"dense": {units}}}], "activation": "tanh",
                "heads": {{"actor": [{{"dense": 9}}], "critic": [{{"dense": 5}}]}}}}"#
        );
        let action = if boxes { vector(outputs) } else { moves(outputs) };
        let network = network(&policy, &seat(&[height, width, channels], ElementKind::F32, action));
        prop_assert_eq!(boxes, matches!(network.head, Head::Gaussian { .. }));
        check(network, rows, seed).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let network = Arc::new(network(
        r#"{"layers": [{"dense": 4}]}"#,
        &seat(&[3], ElementKind::F32, moves(2)),
    ));
    let tensor = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
    let n = network.layout.len();
    assert!(evaluate(&network, &tensor(&[5, 3]), &tensor(&[n])).is_ok());
    for (x, parameters) in [([5, 4], n), ([5, 3], n + 1)] {
        let error = evaluate(&network, &tensor(&x), &tensor(&[parameters]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("do not fit"), "{error}");
    }
}

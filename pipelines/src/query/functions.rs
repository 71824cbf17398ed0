//! Aggregates of scores as SQL functions: `iqm(score)` and `optimality_gap(score[, gamma])`.
//!
//! Values are kept until the end and sorted before they are added, so that the answer does not depend on which thread read what first.

use crate::statistics::trimmed_mean;
use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility};
use std::sync::Arc;

/// The functions.
pub(super) fn all() -> [AggregateUDF; 2] {
    [Kind::Iqm, Kind::OptimalityGap].map(|kind| AggregateUDF::from(Aggregate::new(kind)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Iqm,
    OptimalityGap,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Aggregate {
    kind: Kind,
    signature: Signature,
}

impl Aggregate {
    fn new(kind: Kind) -> Self {
        let one = TypeSignature::Exact(vec![DataType::Float64]);
        let two = TypeSignature::Exact(vec![DataType::Float64; 2]);
        let signature = match kind {
            Kind::Iqm => one,
            Kind::OptimalityGap => TypeSignature::OneOf(vec![one, two]),
        };
        Self {
            kind,
            signature: Signature::new(signature, Volatility::Immutable),
        }
    }
}

fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Iqm => "iqm",
            Kind::OptimalityGap => "optimality_gap",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, kind| Arc::new(Field::new(format_state_name(args.name, name), kind, true));
        Ok(vec![field("values", list_type()), field("gamma", DataType::Float64)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("{} has no DISTINCT form", self.name());
        }
        Ok(Box::new(Collected {
            kind: self.kind,
            values: Vec::new(),
            gamma: None,
        }))
    }
}

/// The values so far.
#[derive(Debug)]
struct Collected {
    kind: Kind,
    values: Vec<f64>,
    /// The threshold, once a row has said it.
    gamma: Option<f64>,
}

impl Accumulator for Collected {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.values
            .extend(columns[0].as_primitive::<Float64Type>().iter().flatten());
        if let Some(gamma) = columns.get(1) {
            let gamma = gamma.as_primitive::<Float64Type>().iter().flatten().next();
            self.gamma = self.gamma.or(gamma);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.values
                .extend(values.as_primitive::<Float64Type>().iter().flatten());
        }
        let gamma = states[1].as_primitive::<Float64Type>().iter().flatten().next();
        self.gamma = self.gamma.or(gamma);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = Float64Array::from(std::mem::take(&mut self.values));
        let list = ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Float64, true)),
            OffsetBuffer::from_lengths([values.len()]),
            Arc::new(values),
            None,
        )?;
        Ok(vec![
            ScalarValue::List(Arc::new(list)),
            ScalarValue::Float64(self.gamma),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = match self.kind {
            Kind::Iqm => trimmed_mean(&mut self.values, 0.25),
            Kind::OptimalityGap => {
                let gamma = self.gamma.unwrap_or(1.0);
                let mut clipped: Vec<f64> = self.values.iter().map(|value| value.min(gamma)).collect();
                trimmed_mean(&mut clipped, 0.0).map(|mean| gamma - mean)
            }
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }
}

// One row of a policy at a time: for networks whose numbers fill the memory of a group.

alias Rows = f32;
const ROWS: u32 = 1u;

fn number_of(rows: Rows, row: u32) -> f32 {
    return rows;
}

fn observed(first: u32, at: u32) -> Rows {
    return element(row_word(first, at), at);
}


fn hyperbolic(x: Rows) -> Rows {
    return tanh_(x);
}

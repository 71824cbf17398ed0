// Four rows of a policy go through the layers together: one vector holds a number of each.

alias Rows = vec4<f32>;
const ROWS: u32 = 4u;

fn number_of(rows: Rows, row: u32) -> f32 {
    return rows[row];
}

// Number `at` of the observations of the rows from `first` on.
fn observed(first: u32, at: u32) -> Rows {
    return Rows(
        element(row_word(first, at), at),
        element(row_word(first + 1u, at), at),
        element(row_word(first + 2u, at), at),
        element(row_word(first + 3u, at), at),
    );
}


fn hyperbolic(x: Rows) -> Rows {
    return Rows(tanh_(x.x), tanh_(x.y), tanh_(x.z), tanh_(x.w));
}

// Statistics of finished episodes, added up over the lanes of each member: one group per member, a tree in the order of lanes.
//
// Constant: WIDTH, words of one lane's statistics; their last three are episodes, steps and the sum of returns.

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
// [members, 5]: episodes and steps, low and high words, and the sum of returns.
@group(0) @binding(2) var<storage, read_write> sums: array<u32>;

const THREADS: u32 = 64u;

struct Sum {
    episodes: vec2<u32>,
    steps: vec2<u32>,
    returns: f32,
}

var<workgroup> tree: array<Sum, THREADS>;

// 64-bit numbers as (low, high).
fn plus(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + u32(low < a.x));
}

fn joined(a: Sum, b: Sum) -> Sum {
    return Sum(plus(a.episodes, b.episodes), plus(a.steps, b.steps), a.returns + b.returns);
}

@compute @workgroup_size(64)
fn reduce(
    @builtin(workgroup_id) group_: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let member = group_.x + group_.y * groups.x;
    if member >= job.lanes / job.lanes_per_member {
        return;
    }
    // A stretch of neighbouring lanes each.
    let stretch = (job.lanes_per_member + THREADS - 1u) / THREADS;
    let end = min((thread + 1u) * stretch, job.lanes_per_member);
    var sum = Sum(vec2<u32>(), vec2<u32>(), 0.0);
    for (var lane = thread * stretch; lane < end; lane++) {
        let at = (member * job.lanes_per_member + lane + 1u) * WIDTH - 3u;
        let own = Sum(vec2<u32>(statistics[at], 0u), vec2<u32>(statistics[at + 1u], 0u), bitcast<f32>(statistics[at + 2u]));
        sum = joined(sum, own);
    }
    tree[thread] = sum;
    workgroupBarrier();
    for (var apart = 1u; apart < THREADS; apart *= 2u) {
        if thread % (2u * apart) == 0u {
            tree[thread] = joined(tree[thread], tree[thread + apart]);
        }
        workgroupBarrier();
    }
    if thread == 0u {
        sums[member * 5u] = tree[0].episodes.x;
        sums[member * 5u + 1u] = tree[0].episodes.y;
        sums[member * 5u + 2u] = tree[0].steps.x;
        sums[member * 5u + 3u] = tree[0].steps.y;
        sums[member * 5u + 4u] = bitcast<u32>(tree[0].returns);
    }
}

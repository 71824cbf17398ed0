//! gymnax's way: every list as a whole, one thing after the other.
//!
//! Beside the order, it differs from the original in two things: a bullet of the player's in an enemy's cell kills it whether or not the enemy
//! has just moved, and a submarine that is gone does not shoot.

use super::state::{DIVER_PACE, List, Mob, SHOT_INTERVAL, State};
use super::{ABOARD, Tally};

/// Moves everything but the player, and says what came of it.
pub(super) fn pass(state: &mut State, tally: &mut Tally) {
    let player = (state.sub_x as i8, state.sub_y as i8);

    fly(&mut state.f_bullets);
    tally.reward += collide(&mut state.f_bullets, &mut state.e_fish);
    tally.reward += collide(&mut state.f_bullets, &mut state.e_subs);

    pick_up(state, player);
    swim(&mut state.divers, DIVER_PACE);
    pick_up(state, player);

    tally.lost |= meets(&state.e_subs, player);
    swim(&mut state.e_subs, state.move_speed);
    tally.lost |= meets(&state.e_subs, player);
    tally.reward += collide(&mut state.f_bullets, &mut state.e_subs);
    shoot(state);

    tally.lost |= meets(&state.e_bullets, player);
    fly(&mut state.e_bullets);
    tally.lost |= meets(&state.e_bullets, player);

    tally.lost |= meets(&state.e_fish, player);
    swim(&mut state.e_fish, state.move_speed);
    tally.lost |= meets(&state.e_fish, player);
    tally.reward += collide(&mut state.f_bullets, &mut state.e_fish);
}

/// Bullets move on.
fn fly<const N: usize>(list: &mut List<N>) {
    list.iter_mut().for_each(Mob::forward);
    list.retain(|_, mob| mob.is_inside());
}

/// Those whose time it is move on.
fn swim<const N: usize>(list: &mut List<N>, pace: u8) {
    for mob in list.iter_mut() {
        if mob.move_timer == 0 {
            mob.forward();
            mob.move_timer = pace;
        } else {
            mob.move_timer -= 1;
        }
    }
    list.retain(|_, mob| mob.is_inside());
}

fn meets<const N: usize>(list: &List<N>, (x, y): (i8, i8)) -> bool {
    list.iter().any(|mob| mob.is_at(x, y))
}

/// Divers on the player's cell come aboard, in the order of the list, as many as there is room for.
fn pick_up(state: &mut State, (x, y): (i8, i8)) {
    let mut aboard = 0_u32;
    for (at, diver) in state.divers.iter().enumerate() {
        if diver.is_at(x, y) && state.diver_count < ABOARD {
            aboard |= 1 << at;
            state.diver_count += 1;
        }
    }
    state.divers.retain(|at, _| aboard >> at & 1 == 0);
}

/// Bullets aim at the first target of their cell; of several that aim at one, the last of the list hits and the others fly on. Hits.
fn collide<const N: usize>(bullets: &mut List<8>, targets: &mut List<N>) -> u32 {
    let (mut spent, mut hit) = (0_u32, 0_u128);
    for (at, bullet) in bullets.iter().enumerate().rev() {
        let Some(target) = targets.iter().position(|target| target.is_at(bullet.x, bullet.y)) else {
            continue;
        };
        if hit >> target & 1 == 0 {
            hit |= 1 << target;
            spent |= 1 << at;
        }
    }
    bullets.retain(|at, _| spent >> at & 1 == 0);
    targets.retain(|at, _| hit >> at & 1 == 0);
    hit.count_ones()
}

fn shoot(state: &mut State) {
    for sub in state.e_subs.iter_mut() {
        if sub.shot_timer == 0 {
            sub.shot_timer = SHOT_INTERVAL;
            state.e_bullets.push(Mob {
                move_timer: 0,
                shot_timer: 0,
                ..*sub
            });
        } else {
            sub.shot_timer -= 1;
        }
    }
}

//! The original's way: each list from its last element to its first, each element with everything that it meets.
//!
//! The reference removes by value, which takes the first of equal elements; the one in hand then stays, one place further to the front, and
//! comes next once more. So it does here.

use super::state::{DIVER_PACE, List, Mob, SHOT_INTERVAL, State};
use super::{ABOARD, Tally};

/// Moves everything but the player, and says what came of it.
pub(super) fn pass(state: &mut State, tally: &mut Tally) {
    friendly_bullets(state, tally);
    divers(state);
    enemy_subs(state, tally);
    enemy_bullets(state, tally);
    fish(state, tally);
}

/// Removes the first element equal to the one at `at`; where that one is now.
fn remove_equal<const N: usize>(list: &mut List<N>, at: usize) -> Option<usize> {
    let mobs = list.as_slice();
    let first = mobs.iter().position(|mob| *mob == mobs[at]).unwrap_or(at);
    list.remove(first);
    (first < at).then(|| at - 1)
}

/// The first of the list on the cell of `mob`.
fn first_at<const N: usize>(list: &List<N>, mob: Mob) -> Option<usize> {
    list.iter().position(|other| other.is_at(mob.x, mob.y))
}

fn set<const N: usize>(list: &mut List<N>, at: usize, mob: Mob) {
    if let Some(place) = list.iter_mut().nth(at) {
        *place = mob;
    }
}

fn friendly_bullets(state: &mut State, tally: &mut Tally) {
    for at in (0..state.f_bullets.as_slice().len()).rev() {
        let mut bullet = state.f_bullets.as_slice()[at];
        bullet.forward();
        set(&mut state.f_bullets, at, bullet);
        if !bullet.is_inside() {
            remove_equal(&mut state.f_bullets, at);
        } else if let Some(fish) = first_at(&state.e_fish, bullet) {
            state.e_fish.remove(fish);
            remove_equal(&mut state.f_bullets, at);
            tally.reward += 1;
        } else if let Some(sub) = first_at(&state.e_subs, bullet) {
            state.e_subs.remove(sub);
            remove_equal(&mut state.f_bullets, at);
            tally.reward += 1;
        }
    }
}

fn divers(state: &mut State) {
    let (x, y) = (state.sub_x as i8, state.sub_y as i8);
    for at in (0..state.divers.as_slice().len()).rev() {
        let mut diver = state.divers.as_slice()[at];
        let mut picked_up = diver.is_at(x, y) && state.diver_count < ABOARD;
        if !picked_up {
            if diver.move_timer == 0 {
                diver.move_timer = DIVER_PACE;
                diver.forward();
                picked_up = diver.is_at(x, y) && state.diver_count < ABOARD;
            } else {
                diver.move_timer -= 1;
            }
            set(&mut state.divers, at, diver);
        }
        if picked_up {
            state.diver_count += 1;
        }
        if picked_up || !diver.is_inside() {
            remove_equal(&mut state.divers, at);
        }
    }
}

/// A swimmer in hand, moved if it is its time: a bullet on its new cell hits it. Whether it, or its equal, is to be removed.
fn swim(mob: &mut Mob, move_speed: u8, (x, y): (i8, i8), bullets: &mut List<8>, tally: &mut Tally) -> bool {
    tally.lost |= mob.is_at(x, y);
    if mob.move_timer > 0 {
        mob.move_timer -= 1;
        return false;
    }
    mob.move_timer = move_speed;
    mob.forward();
    if !mob.is_inside() {
        return true;
    }
    if mob.is_at(x, y) {
        tally.lost = true;
        return false;
    }
    let Some(bullet) = first_at(bullets, *mob) else {
        return false;
    };
    bullets.remove(bullet);
    tally.reward += 1;
    true
}

fn enemy_subs(state: &mut State, tally: &mut Tally) {
    let player = (state.sub_x as i8, state.sub_y as i8);
    for at in (0..state.e_subs.as_slice().len()).rev() {
        let mut sub = state.e_subs.as_slice()[at];
        let gone = swim(&mut sub, state.move_speed, player, &mut state.f_bullets, tally);
        set(&mut state.e_subs, at, sub);
        let place = if gone {
            remove_equal(&mut state.e_subs, at)
        } else {
            Some(at)
        };
        // One that is gone shoots all the same, with its last breath.
        if sub.shot_timer == 0 {
            sub.shot_timer = SHOT_INTERVAL;
            state.e_bullets.push(Mob {
                move_timer: 0,
                shot_timer: 0,
                ..sub
            });
        } else {
            sub.shot_timer -= 1;
        }
        if let Some(place) = place {
            set(&mut state.e_subs, place, sub);
        }
    }
}

fn enemy_bullets(state: &mut State, tally: &mut Tally) {
    let (x, y) = (state.sub_x as i8, state.sub_y as i8);
    for at in (0..state.e_bullets.as_slice().len()).rev() {
        let mut bullet = state.e_bullets.as_slice()[at];
        tally.lost |= bullet.is_at(x, y);
        bullet.forward();
        tally.lost |= bullet.is_at(x, y);
        set(&mut state.e_bullets, at, bullet);
        if !bullet.is_inside() {
            remove_equal(&mut state.e_bullets, at);
        }
    }
}

fn fish(state: &mut State, tally: &mut Tally) {
    let player = (state.sub_x as i8, state.sub_y as i8);
    for at in (0..state.e_fish.as_slice().len()).rev() {
        let mut fish = state.e_fish.as_slice()[at];
        let gone = swim(&mut fish, state.move_speed, player, &mut state.f_bullets, tally);
        set(&mut state.e_fish, at, fish);
        if gone {
            remove_equal(&mut state.e_fish, at);
        }
    }
}

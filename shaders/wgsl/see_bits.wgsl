// Observations as bits, as few per channel as it needs: [slots, seats, OBSERVATION_WORDS, lanes], so that neighbouring lanes write
// neighbouring words.

fn row_of(slot: u32, lane: u32, seat: u32) -> u32 {
    return (slot * SEATS + seat) * OBSERVATION_WORDS * job.lanes + lane;
}

fn word_of(row: u32, word: u32) -> u32 {
    return row + word * job.lanes;
}

fn place_of(cell: u32, channel: u32) -> u32 {
    return cell * CELL_BITS + table_words[CHANNEL_PLACES + channel];
}

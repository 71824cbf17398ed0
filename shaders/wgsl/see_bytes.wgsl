// Observations as bytes, four to a word: [slots, lanes, seats, OBSERVATION_WORDS].

fn row_of(slot: u32, lane: u32, seat: u32) -> u32 {
    return ((slot * job.lanes + lane) * SEATS + seat) * OBSERVATION_WORDS;
}

fn word_of(row: u32, word: u32) -> u32 {
    return row + word;
}

fn place_of(cell: u32, channel: u32) -> u32 {
    return (cell * CHANNELS + channel) * 8u;
}

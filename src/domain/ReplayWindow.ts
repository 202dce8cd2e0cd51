/** How far a message may be dated ahead of the receiver, in ms: NTP keeps hosts within a second, so five is generous. */
export const timestampFutureMs = 5_000

-- The first timer that fires: pre-vote, vote, the empty entry of the new term, its commit.
scenario{
  name   = "election_of_three",
  doc    = "Three nodes elect a leader, which commits the first entry of its term.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0 }
    c:wait_leader()
    sleep_ms(5)
    expect.eq(c:committed(), 1)
  end,
}

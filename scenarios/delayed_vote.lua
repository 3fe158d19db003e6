-- One vote request is held back, the world moves on, then it arrives.
scenario{
  name  = "delayed_vote",
  doc   = "A vote request of an old term that arrives late does not disturb the new leader.",
  tags  = {"election", "schedule"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local first = c:wait_leader()
    local loser, other = table.unpack(c:others(first))

    local held = c:hold{ from = loser, type = "vote_req" }
    local gone = c:isolate(first)
    expect.ok(loser:campaign(), "the loser campaigns")      -- its requests are held back
    local stale_term = loser.term
    local second = c:wait_leader{ other_than = first, within_ms = 10000 }
    expect.eq(second, other, "who can win")
    expect.ok(second.term > stale_term, "with a newer term")
    expect.ok(c:client():put("x", 1))

    local elections = 0
    on("leader_elected", function() elections = elections + 1 end)
    held:release()                                          -- the old requests arrive now
    sleep_ms(100)
    expect.ok(held.hits > 0, "requests were held back")
    expect.eq(elections, 0, "elections by late votes")
    expect.ok(second:is_leader(), "the leader is still the leader")
    gone:heal()
  end,
}

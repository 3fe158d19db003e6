-- Votes that arrive twice, and a request for a vote that arrives after its voter has given up.
scenario{
  name  = "repeated_votes_count_once",
  doc   = "Each answer to a request for a vote arrives twice; a candidate and one voter of five are no majority.",
  tags  = {"election", "network"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 5 }
    local leader = c:wait_leader()
    expect.ok(c:client():put("x", 1))
    expect.converged{ within_ms = 2000 }
    local loser, voter = table.unpack(c:others(leader))
    local cut = c:partition({ loser, voter }, "rest")
    local twice = c:link{ type = "vote_rep", dup = 1 }
    sleep_ms(400)                           -- the voter does not hear the leader any more
    for _ = 1, 5 do
      loser:campaign()
      sleep_ms(40)
      expect.ok(not loser:is_leader(), "two votes of five are not enough, however often they arrive")
    end
    expect.ok(twice.hits > 0, "answers were repeated")
    cut:heal()
  end,
}

scenario{
  name  = "late_request_of_the_same_term",
  doc   = "A candidate that has timed out gets another one's request of the same term: its vote is given already.",
  tags  = {"election", "schedule"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local gone = c:wait_leader()
    expect.ok(c:client():put("x", 1))
    expect.converged{ within_ms = 2000 }
    local first, second = table.unpack(c:others(gone))
    c:isolate(gone)
    local lost = c:drop{ from = first, to = second }
    local held = c:hold{ from = second, to = first }
    local term = first.term + 1
    expect.ok(first:campaign() and second:campaign(), "both campaign in the same term")
    sleep_ms(320)                           -- longer than any election timeout
    expect.eq(first.term, term, "the first one asks whether it can win before it raises the term")
    held:release()
    sleep_ms(20)
    lost:heal()
    c:wait_leader{ other_than = gone }
  end,
}

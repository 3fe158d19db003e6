-- A voter that has just confirmed the leader's lease learns a later term from an old answer: that of a
-- node that was cut off from the leader and has campaigned. It must not vote before the lease is over.
scenario{
  name  = "lease_outlasts_a_later_term",
  doc   = "A voter that learns of a later term gives no vote within the lease of the leader that it heard before.",
  tags  = {"read", "election", "schedule"},
  seeds = 10,

  run = function()
    local c = cluster{ nodes = 3, lease_reads = true, heartbeat_ms = 100, election_max_ms = 2000 }
    local old, voter, candidate = c[1], c[2], c[3]
    sleep_ms(151)                                -- until then anybody may be bound by a lease
    local held = c:hold{ from = voter, type = "vote_req" }
    voter:campaign()
    old:campaign()
    expect.eq(c:wait_leader().id, old.id)
    expect.ok(c:client():put("x", 1))
    local load = c:load{ clients = 4, rate_per_s = 800, keys = 1, mix = { get = 1 }, by_index = true }
    c:cut{ from = old, to = candidate, both = true }
    sleep_ms(200)
    expect.ok(candidate:campaign(), "it hears no leader any more")
    held:release()
    expect.eventually("the voter knows the later term", { within_ms = 100, poll_ms = 0.5 }, function()
      return voter.term > old.term
    end)
    local again_ms = 0
    expect.eventually("another leader", { within_ms = 3000, poll_ms = 0.5 }, function()
      if not candidate:is_leader() and now_ms() >= again_ms then
        candidate:campaign()
        again_ms = now_ms() + 15
      end
      return candidate:is_leader()
    end)
    expect.ok(c:client():put("x", 2))
    sleep_ms(100)
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "reads were answered")
  end,
}

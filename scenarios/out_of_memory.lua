-- Memory runs out: for a while, at random, or at exactly one allocation.
scenario{
  name   = "out_of_memory",
  doc    = "The allocations of a node fail for half a second, all or one in four; the node lives on and catches up.",
  tags   = {"memory", "error"},
  seeds  = 4,
  params = {
    who    = {"leader", "the role of the node", oneof = {"leader", "follower"}},
    chance = {1.0, "probability that an allocation fails", min = 0, max = 1},
  },
  sweep  = { who = {"leader", "follower"}, chance = {1.0, 0.25} },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local victim = p.who == "leader" and leader or c:pick(c:others(leader))
    local load = c:load{ clients = 3, rate_per_s = 100, keys = 4 }
    sleep_ms(100)
    local rule = victim.mem:fail{ p = p.chance, for_ms = 500 }
    sleep_ms(500)
    expect.ok(rule.hits > 0, "allocations failed")
    expect.ok(victim.up, "a node without memory does not die of it")
    load:stop()
    load:wait()
    expect.converged{ within_ms = 5000 }
    expect.ok(load.ok_count > 0, "writes went through")
  end,
}

scenario{
  name   = "nth_allocation_fails",
  doc    = "Exactly one allocation of a node fails, for each of the first forty.",
  tags   = {"memory", "error", "sweep"},
  params = { nth = {1, "which allocation", min = 1} },
  sweep  = { nth = range(1, 40) },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local rule = c:wait_leader().mem:fail{ nth = p.nth, optional = true }
    local load = c:load{ clients = 2, rate_per_s = 200, keys = 2, for_ms = 200 }
    load:wait()
    expect.ok(rule.hits <= 1)
    expect.ok(load.ok_count > 0, "writes went through")
  end,
}

scenario{
  name   = "memory_budget",
  doc    = "A follower may have no more bytes than it has, for a second: it falls behind, lives on, and catches up.",
  tags   = {"memory", "error"},
  seeds  = 4,
  params = { spare_bytes = {512, "what it may allocate beyond what it has", min = 0} },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local victim = c:pick(c:others(c:wait_leader()))
    local load = c:load{ clients = 3, rate_per_s = 100, keys = 4 }
    sleep_ms(100)
    local limit = victim.mem:limit_bytes(victim.mem:live("byte") + p.spare_bytes)
    sleep_ms(1000)
    expect.ok(limit.hits > 0, "the budget was used up")
    expect.ok(victim.up, "a node without memory does not die of it")
    victim.mem:limit_bytes()
    load:stop()
    load:wait()
    expect.converged{ within_ms = 5000 }
    expect.ok(load.ok_count > 0, "writes went through")
  end,
}

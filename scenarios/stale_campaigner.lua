-- A node that lacks committed entries campaigns all the time, faster than anybody times out. It
-- cannot win; it must not keep the others from winning either.
scenario{
  name   = "stale_campaigner",
  doc    = "A node with an old log and a fast clock campaigns without end; another one is elected all the same.",
  tags   = {"election", "clock", "liveness"},
  seeds  = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local stale, good = table.unpack(c:others(leader))
    local cut = c:isolate(stale)
    expect.ok(c:client():put("x", 1))
    expect.eventually("the other follower has the entry", { within_ms = 1000 }, function()
      return good.durable_index == leader.last_index
    end)
    stale.clock:drift_ppm(1000000)          -- it times out after half the time
    leader:crash()
    cut:heal()
    expect.eventually("the node with the whole log leads", { within_ms = 3000 }, function()
      return good:is_leader()
    end)
    stale.clock:drift_ppm(0)
    leader:restart()
  end,
}

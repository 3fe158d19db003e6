-- The node with the highest priority leads if it can, and is waited for only for so long.
scenario{
  name  = "priority_prefers_a_node",
  doc   = "Elections are won by the node of the highest priority; without it, another one is elected soon.",
  tags  = {"membership", "priority", "election"},
  seeds = 10,
  params = { rounds = {5, "leaders that crash", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 5, priorities = {1, 1, 9, 1, 1} }
    local favourite = c[3]
    local could, won = 1, 0
    if c:wait_leader() == favourite then won = won + 1 end
    for _ = 1, p.rounds do
      expect.converged{ within_ms = 2000 }
      sleep_ms(100)                            -- the leader's own entry is everywhere
      local old = c:leader()
      old:crash()
      -- Of low priority or not: nobody is waited for without end.
      local new = c:wait_leader{ other_than = old, within_ms = 2000 }
      if old ~= favourite then
        could = could + 1
        if new == favourite then won = won + 1 end
      end
      old:restart()
    end
    expect.ok(2 * won > could, "the favourite won most elections that it could win")
  end,
}

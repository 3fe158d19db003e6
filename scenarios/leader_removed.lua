-- A leader carries its own removal through, without counting itself, and then makes room.
scenario{
  name  = "leader_removed",
  doc   = "The leader is removed: it commits that, steps down, and stays passive; another one leads.",
  tags  = {"membership", "election"},
  seeds = 10,
  params = { nodes = {3, "before the removal", min = 2, max = 7} },
  sweep = { nodes = {2, 3, 4, 5} },

  run = function(p)
    local c = cluster{ nodes = p.nodes }
    local old = c:wait_leader()
    local term = old.term
    local load = c:load{ clients = 2, rate_per_s = 50, keys = 3 }
    sleep_ms(100)
    expect.ok(c:remove(old))
    expect.ok(not old:is_leader(), "it has stepped down")
    local new = c:wait_leader{ other_than = old, within_ms = 2000 }
    expect.never("who was removed campaigns", function()
      return old.role == "candidate" or old:is_leader()
    end)
    expect.eq(#c:members(), p.nodes - 1, "members")
    sleep_ms(1000)
    expect.eq(c:leader(), new, "the new leader leads on")
    expect.ok(new.term <= term + 3, "the term hardly grew")
    load:stop()
    load:wait()
  end,
}

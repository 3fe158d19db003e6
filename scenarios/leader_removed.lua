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

-- Nobody but the removed leader has the configuration without it, and nobody else can win: it must
-- campaign once more (dissertation §4.2.2).
scenario{
  name  = "removed_leader_is_needed_once_more",
  doc   = "A leader crashes with the only copy of its own removal; it leads again to finish it, and leaves.",
  tags  = {"membership", "election", "crash"},
  seeds = 10,
  params = { how = {"remove", "what becomes of it", oneof = {"remove", "demote"}} },
  sweep = { how = {"remove", "demote"} },

  run = function(p)
    local c = cluster{ nodes = 2 }
    local old = c:wait_leader()
    local other = c:others(old)[1]
    spawn(function() if p.how == "remove" then c:remove(old) else c:demote(old) end end)
    expect.eventually("it goes by the final configuration", { within_ms = 500, poll_ms = 0.02 },
      function() return old.change == "leaving" end)
    local cut = c:isolate(old):optional() -- it may have had nothing to say in that time
    local index = old.configuration_index
    expect.eventually("it is durable", { within_ms = 100, poll_ms = 0.02 }, function()
      return old.durable_index >= index
    end)
    expect.ok(other.last_index < index, "nobody else has it")
    old:crash()
    cut:heal()
    old:restart()
    expect.eventually("the other one leads alone", { within_ms = 5000 }, function()
      return other:is_leader() and other.change == "none" and not other.is_joint
    end)
    expect.ok(old.member ~= "voter", "and the old leader votes no longer")
    expect.ok(c:client():put("x", 1))
  end,
}

-- A cluster is replaced node by node while clients go on writing.
scenario{
  name  = "membership_add_remove",
  doc   = "Every node of a cluster is replaced by a new one, and no write is lost.",
  tags  = {"membership"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 100, keys = 4 }
    local cl = c:client()
    expect.ok(cl:put("before", 1))
    for _, old in ipairs(c:nodes()) do
      local new = expect.ok(c:add())
      expect.ok(c:remove(old))
      expect.eventually("the new node votes", { within_ms = 1000 }, function()
        return new.member == "voter" and not new.is_joint
      end)
      sleep_ms(50)
    end
    c:wait_leader()
    expect.eq(#c:members(), 3, "members")
    for _, m in ipairs(c:members()) do expect.ok(m.node.id > 3, "only new nodes are left") end
    expect.eq(cl:get("before"), 1)
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 10, "writes went on")
  end,
}

scenario{
  name  = "membership_on_a_flaky_network",
  doc   = "Nodes leave, join and are promoted while messages are lost, repeated and overtaken.",
  tags  = {"membership", "network"},
  seeds = 10,

  run = function()
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local load = c:load{ clients = 2, rate_per_s = 50, keys = 4 }
    local new = expect.ok(c:add{ learner = true })
    local flaky = c:link{ loss = 0.1, dup = 0.1, reorder = 0.1 }
    local out = c:others({ leader, new })
    expect.ok(c:remove(out[1], { within_ms = 20000 }))
    local done, why = c:add{ instead_of = out[2], within_ms = 20000 }
    expect.ok(done or why == "unknown" or why == "aborted", "nothing else may come of it")
    flaky:heal()
    expect.ok(c:promote(new, { within_ms = 20000 }))
    load:stop()
    load:wait()
    expect.converged{ within_ms = 5000 }
  end,
}

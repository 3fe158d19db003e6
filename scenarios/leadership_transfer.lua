-- A leader hands over under writes; and the one it hands over to dies.
scenario{
  name = "leadership_transfer",
  doc  = "Leadership moves to the follower that was named, writes go on, and no write is lost.",
  tags = {"election", "transfer"},
  seeds = 5,
  params = { transfers = {4, "how often leadership moves", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 5 }
    c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 100, keys = 4 }
    for _ = 1, p.transfers do
      sleep_ms(200)
      local old = c:wait_leader()
      local target = c:pick(c:others(old))
      local term = old.term
      if old:transfer(target) then
        expect.eventually("the target leads", { within_ms = 1000 }, function()
          return target:is_leader() and target.term > term
        end)
      end
    end
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 20, "writes went on")
  end,
}

scenario{
  name = "transfer_to_a_node_that_dies",
  doc  = "The target of a transfer crashes; the leader gives up in time and takes writes again.",
  tags = {"election", "transfer", "crash"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local cl = c:client()
    expect.ok(cl:put("x", 1))
    local target = c:pick(c:followers())
    target:crash()
    expect.ok(cl:put("x", 2))                    -- an entry that the target does not have
    expect.ok(leader:transfer(target), "the leader does not know yet")
    expect.eq(cl:put("x", 3, { timeout_ms = 100 }), nil, "proposals are refused meanwhile")
    expect.ok(cl:put("x", 4, { timeout_ms = 1000 }), "writes are taken again")
    expect.ok(leader:is_leader(), "nobody else was elected")
    target:restart()
  end,
}

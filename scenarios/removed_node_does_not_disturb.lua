-- A node is removed while it is cut off, and comes back without knowing of it (dissertation §4.2.3).
scenario{
  name  = "removed_node_does_not_disturb",
  doc   = "A removed node that does not know of its removal deposes nobody.",
  tags  = {"membership", "stability"},
  seeds = 10,
  params = { prevote = {true, "otherwise check-quorum alone protects the leader"} },
  sweep = { prevote = {true, false} },

  run = function(p)
    local c = cluster{ nodes = 5, prevote = p.prevote }
    local leader = c:wait_leader()
    local load = c:load{ clients = 2, rate_per_s = 50, keys = 3 }
    local node = c:pick(c:followers())
    local cut = c:isolate(node)
    expect.ok(c:remove(node))
    expect.eventually("it wants to lead", { within_ms = 2000 }, function()
      return node.role == "candidate"
    end)
    local term = leader.term
    local stepped_down = 0
    on("stepped_down", function() stepped_down = stepped_down + 1 end)
    cut:heal()
    sleep_ms(3000)
    expect.eq(stepped_down, 0, "leaders that stepped down")
    expect.eq(leader.term, term, "the term")
    expect.ok(leader:is_leader(), "the leader leads on")
    load:stop()
    load:wait()
    expect.ok(load.unknown_count == 0, "no write was disturbed")
  end,
}

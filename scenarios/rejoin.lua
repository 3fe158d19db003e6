-- A node that was cut off comes back to a cluster that is well.
scenario{
  name   = "rejoining_node_disturbs_nobody",
  doc    = "A follower that was cut off for a while comes back: the leader and its term stay.",
  tags   = {"election", "network"},
  seeds  = 5,
  params = { away_ms = {1000, "how long it is cut off", min = 0} },

  run = function(p)
    local c = cluster{ nodes = 5 }
    local leader = c:wait_leader()
    local term = leader.term
    local load = c:load{ clients = 1, rate_per_s = 40, keys = 3 }
    local node = c:pick(c:others(leader))
    local cut = c:isolate(node)
    sleep_ms(p.away_ms)
    expect.eq(node.term, term, "the term of the node that was alone")
    local stepped_down = 0
    on("stepped_down", function() stepped_down = stepped_down + 1 end)
    cut:heal()
    expect.eventually("the node catches up", { within_ms = 2000 }, function()
      return node.commit_index >= c:committed()
    end)
    sleep_ms(300)
    expect.eq(stepped_down, 0, "leaders that stepped down")
    expect.eq(leader.term, term, "the term")
    load:stop()
    load:wait()
  end,
}

-- With an even number of nodes a half is not a majority.
scenario{
  name   = "even_cluster_split_in_half",
  doc    = "Four or six nodes fall into two halves: neither commits anything, and neither answers a read.",
  tags   = {"network", "quorum", "read"},
  seeds  = 3,
  params = { nodes = {4, "an even number", oneof = {2, 4, 6, 8}} },
  sweep  = { nodes = {2, 4, 6} },

  run = function(p)
    local c = cluster{ nodes = p.nodes }
    local leader = c:wait_leader()
    expect.ok(c:client():put("x", 1))
    expect.converged{ within_ms = 2000 }
    local half = { leader }
    for i, n in ipairs(c:others(leader)) do
      if i < p.nodes / 2 then half[#half + 1] = n end
    end
    local before = c:committed()
    local cut = c:partition(half, "rest")
    local writer, reader = c:client{ timeout_ms = 100 }, c:client{ timeout_ms = 100 }
    local write = spawn(function() expect.eq(writer:put("x", 2), nil, "a write") end)
    local read = spawn(function() expect.eq(reader:get("x", { by_index = true }), nil, "a read") end)
    write:join()
    read:join()
    sleep_ms(500)
    expect.eq(c:committed(), before, "what is committed")
    expect.eq(#c:leaders(), 0, "leaders without a majority")
    cut:heal()
    c:wait_leader()
  end,
}

-- A new leader has every committed entry, but does not know how far they are committed before an
-- entry of its own is (dissertation §6.4, step 1).
scenario{
  name  = "read_from_a_new_leader",
  doc   = "A new leader whose disk is slow answers no read before it has committed an entry of its own term.",
  tags  = {"read", "election", "schedule"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local old = c:wait_leader()
    local cl = c:client()
    expect.ok(cl:put("x", 1))
    expect.converged{ within_ms = 2000 }
    local others = c:others(old)
    -- The next entry is committed, and nobody but the leader hears of it.
    local before, cut = old.commit_index, nil
    on("committed", function()
      if old.commit_index > before and not cut then cut = c:cut{ from = old, to = others } end
    end)
    expect.ok(cl:put("x", 2), "the leader answers")
    for _, n in ipairs(others) do
      expect.eq(n.commit_index, before, "what " .. n.name .. " knows to be committed")
    end
    local slow = fault.at("segment.append.sync"):delay_ms(100)
    old:crash()
    c:wait_leader{ other_than = old }
    expect.eq(cl:get("x", { by_index = true }), 2, "what was committed when the read was taken")
    expect.ok(slow.hits > 0, "the new leader's own entry took its time")
    slow:off()
    cut:heal()
  end,
}

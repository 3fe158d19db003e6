-- What is durable is damaged on one node of three: a bit rots, a write that was reported as done is
-- lost, the whole store is gone, or there is that of another node. The node may refuse to start, and must never say that it is new
-- or that its log is shorter than it promised; the two others go on.
scenario{
  name   = "damaged_store",
  doc    = "A follower's durable bytes are damaged in the middle of its log: nothing acknowledged is lost.",
  tags   = {"disk", "recovery", "damage"},
  seeds  = 5,
  params = { how = {"rot", "what happens", oneof = {"rot", "lose", "wipe", "foreign"}} },
  sweep  = { how = {"rot", "lose", "wipe", "foreign"} },

  run = function(p)
    local c = cluster{ nodes = 3, batch_entries = 1 }
    local leader = c:wait_leader()
    local hurt, client = c:others(leader)[1], c:client()
    local function put(first, last)
      for i = first, last do expect.ok(client:put("k" .. i, i)) end
    end
    put(1, 5)
    expect.converged{ within_ms = 2000 }
    local lost = p.how == "lose" and fault.at("segment.append.write"):on(hurt):times(1):lose()
    put(6, 15)
    expect.converged{ within_ms = 2000 }
    if lost then expect.eq(lost.hits, 1) end
    local records = hurt.durable_index
    hurt:crash()
    if p.how == "rot" and records > 1 then   -- the last one alone could be a write that was torn
      local segment
      for _, name in ipairs(hurt.disk:files()) do
        if name:find("^log") then segment = segment or name end
      end
      hurt.disk:bitrot{ file = segment, offset = 40 }
    elseif p.how == "wipe" then
      hurt.disk:wipe()
      expect.eq(#hurt.disk:files(), 0)
    elseif p.how == "foreign" then
      hurt.disk:restore(c:others{ leader, hurt }[1].disk:copy())
    end
    hurt:restart()
    if p.how == "wipe" or p.how == "foreign" then
      expect.ok(not hurt.up, "a store that is not its own is refused")
    end
    put(16, 20)
    for i = 1, 20 do expect.eq(client:get("k" .. i), i) end
    expect.ok(not hurt.up or hurt.commit_index <= c:committed())
  end,
}

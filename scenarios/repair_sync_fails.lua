-- The sync of a repaired record fails, and the node with it. The record is whole in the cache then, but
-- not on the disk: the next start must not take it for durable before it has written it again.
scenario{
  name   = "repair_sync_fails",
  doc    = "A repair does not reach the disk: the next start finishes it, and no power failure undoes that.",
  tags   = {"disk", "error", "recovery", "damage"},
  seeds  = 3,
  params = { reverts = {false, "the failed sync loses the content of the cache, too"} },
  sweep  = { reverts = {false, true} },

  run = function(p)
    local c = cluster{ nodes = 3, batch_entries = 1, segment_bytes = 300, revert_failed_sync = p.reverts }
    local leader, client = c:wait_leader(), c:client()
    for i = 1, 9 do expect.ok(client:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local hurt = c:others(leader)[1]
    local function is_well()
      return hurt.up and hurt.condition == "running" and hurt.applied_index == leader.applied_index
    end
    hurt:crash()
    local logs = {}
    for _, name in ipairs(hurt.disk:files()) do
      if name:find("^log") then logs[#logs + 1] = name end
    end
    hurt.disk:remove(logs[2]) -- the identities of its entries are in the other file
    fault.at("segment.repair.sync"):on(hurt):times(1):errno("EIO")
    hurt:restart()
    expect.eventually("the repair fails", { within_ms = 2000 }, function() return not hurt.up end)
    hurt:restart()
    expect.eventually("it is well again", { within_ms = 2000 }, is_well)
    hurt:crash{ unsynced = "lose" }
    hurt:restart()
    expect.eq(hurt.condition, "running")
    expect.eventually("it is still well", { within_ms = 2000 }, is_well)
    for i = 1, 9 do expect.eq(client:get("k" .. i), i) end
  end,
}

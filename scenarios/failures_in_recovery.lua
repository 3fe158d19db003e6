-- What a first failure leaves behind, so that a sweep makes the second one in the path of its repair.
local function with_a_first_failure(arm, reached)
  return function()
    local c = cluster{ nodes = 3, segment_bytes = 500, batch_entries = 4, disk_sync_ms = 2 }
    c:wait_leader()
    local crashed
    on("crashed", function(ev) crashed = crashed or ev.node end)
    arm(c)
    local load = c:load{ clients = 3, rate_per_s = 150, keys = 3, for_ms = 700 }
    sleep_ms(300)
    if crashed ~= nil then
      crashed:restart()
    end
    load:wait()
    expect.converged{ within_ms = 5000 }
    if reached then
      expect.reached(reached)
    end
  end
end

scenario{
  name  = "header_of_a_new_segment_fails",
  doc   = "The header of a new segment cannot be written: the segment is removed again, and the node goes on.",
  tags  = {"disk", "recovery"},
  seeds = 3,
  run   = with_a_first_failure(function()
    fault.at("segment.roll.write"):on("follower"):times(1):errno("ENOSPC")
  end, "segment.unroll.unlink"),
}

scenario{
  name  = "crash_leaves_a_segment_without_a_header",
  doc   = "A node dies while a new segment has no durable header; if its name has survived, the next start removes it.",
  tags  = {"disk", "crash", "recovery"},
  seeds = {10, 19, 29},
  run   = with_a_first_failure(function()
    fault.at("segment.roll.sync"):on("follower"):times(1):crash()
  end),
}

scenario{
  name  = "crash_leaves_a_scratch_file",
  doc   = "A node with a full disk dies in the middle of a probe; the scratch file is removed at the next start.",
  tags  = {"disk", "crash", "recovery"},
  seeds = 3,
  run   = with_a_first_failure(function(c)
    local victim = c:followers()[1]
    fault.at("segment.append.write"):on(victim):times(1):errno("ENOSPC")
    fault.at("probe.remove.close"):on(victim):times(1):call(function()
      victim:crash{ unsynced = "keep" }
    end)
  end, "store.load.unlink"),
}

-- A node that came back with tighter bounds than the others' entries keep to.
scenario{
  name  = "small_node",
  doc   = "A node restarts with small buffers: it stores and passes on entries beyond its own bounds, and proposes none.",
  tags  = {"options", "memory"},
  seeds = 3,

  run = function()
    local c = cluster{ nodes = 3 }
    local small, late = table.unpack(c:others(c:wait_leader()))
    local function put()
      c:load{ clients = 2, rate_per_s = 200, keys = 3, mix = { put = 1 }, padding_bytes = 200,
              for_ms = 100 }:wait()
    end
    put()
    small:crash()
    put()
    small:restart{ payload_bytes = 64, batch_bytes = 64, batch_entries = 1 }
    expect.eventually("it has it all", { within_ms = 3000 }, function()
      return small.applied_index >= c:committed()
    end)
    expect.reached("segment.append.buffer")
    late:crash()
    put()
    expect.converged{ within_ms = 2000 }
    expect.ok(c:leader():transfer(small))
    expect.eventually("it leads", { within_ms = 1000 }, function() return small:is_leader() end)
    late:restart()
    expect.eventually("it has passed them on", { within_ms = 3000 }, function()
      return late.applied_index >= c:committed()
    end)
  end,
}

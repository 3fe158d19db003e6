-- Reads by ReadIndex and within the lease, while leadership moves and clocks drift.
local function reads(lease)
  return function(p)
    local c = cluster{ nodes = p.nodes, lease_reads = lease, clock_drift_ppm = 2000 }
    c:wait_leader()
    local load = c:load{ clients = 4, rate_per_s = 200, keys = 2, mix = { put = 1, get = 3 },
                         by_index = true }
    for id = 1, c.size do
      c[id].clock:drift_ppm(id % 2 == 0 and 1500 or -1500)
    end
    for _ = 1, p.rounds do
      sleep_ms(150)
      local old = c:wait_leader()
      local cut = c:isolate(old)                 -- it still takes itself for the leader for a while
      sleep_ms(400)
      cut:heal()
      sleep_ms(150)
      local leader = c:wait_leader()
      leader:transfer(c:others(leader)[1])
    end
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 30, "reads and writes went on")
  end
end

local params = { nodes  = {5, "cluster size", min = 3, max = 9},
                 rounds = {4, "how often the leader is cut off"} }

scenario{
  name = "read_index",
  doc  = "A read sees all that was committed when it was asked for, though the node that answers was cut off.",
  tags = {"read", "network", "clock"},
  seeds = 5,
  params = params,
  run = reads(false),
}

scenario{
  name = "lease_reads",
  doc  = "The same within the lease, with clocks that drift within their bound.",
  tags = {"read", "network", "clock"},
  seeds = 5,
  params = params,
  run = reads(true),
}

-- A machine loses its whole store, refuses to start as the member that it was, and is replaced by a new
-- machine under a new id. Then the same happens to another one: what was written before is still there,
-- since each new member has got all of it.
scenario{
  name   = "lost_store_is_replaced",
  doc    = "Followers lose their stores one after the other; each is removed, and a new node takes its place.",
  tags   = {"membership", "recovery", "damage"},
  seeds  = 5,
  params = { losses = {2, "how many machines lose their stores", min = 1, max = 4} },

  run = function(p)
    local c = cluster{ nodes = 3, snapshot_every = 30 }
    c:wait_leader()
    local client = c:client()
    local members = { c[1], c[2], c[3] }
    for loss = 1, p.losses do
      for i = 1, 5 do expect.ok(client:put("k" .. loss .. "." .. i, i)) end
      local leader = c:wait_leader()
      local lost = members[1].id == leader.id and 2 or 1
      lost = table.remove(members, lost)
      lost:crash()
      lost.disk:wipe()
      lost:restart()
      expect.ok(not lost.up, "a wiped disk is not taken for a new one")
      expect.ok(c:remove(lost))
      members[#members + 1] = expect.ok(c:add{})
    end
    for loss = 1, p.losses do
      for i = 1, 5 do expect.eq(client:get("k" .. loss .. "." .. i), i) end
    end
  end,
}

-- The smallest scenario: three nodes elect a leader, accept a write, and give it back.
scenario{
  name  = "hello",
  doc   = "Three nodes elect a leader, accept a write, and give it back.",
  tags  = {"smoke"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    c:wait_leader()
    local cl = c:client()
    expect.ok(cl:put("greeting", "hi"))
    expect.eq(cl:get("greeting"), "hi", "what was written")
    expect.converged{ within_ms = 2000 }
  end,
}

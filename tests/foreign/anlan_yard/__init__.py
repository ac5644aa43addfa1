"""Impounded vehicles 暂扣车辆: a kind of system, a room and a simulator that the house does not know of."""

"""The loop itself: Brief -> Plan -> approval -> Launch -> Report, on an open shop."""

from brandloom.campaigns.backtest import Backtest
from brandloom.campaigns.learning import Learned
from brandloom.campaigns.plans import Approval, Plan
from brandloom.campaigns.preview import Preview
from brandloom.campaigns.sending import Launch
from brandloom.campaigns.shop import Shop, create, open_shop
from brandloom.campaigns.summary import lines as report_lines

__all__ = ["Approval", "Backtest", "Launch", "Learned", "Plan", "Preview", "Shop", "create", "open_shop", "report_lines"]

"""All parameters of one engine, each declared by the machine or strategy that uses it: the sections of its settings."""

import msgspec

from models.book import BookParameters
from models.controls.canary import ArmingParameters
from models.controls.cash_drift import CashDriftParameters
from models.controls.failures import FailureParameters
from models.controls.loss_rules import LossParameters
from models.controls.market_guard import MarketParameters
from models.controls.markouts import MarkoutParameters
from models.controls.pace import PaceParameters
from models.controls.price_guard import PriceParameters
from models.controls.rejects import RejectParameters
from models.controls.repetition import RepetitionParameters
from models.controls.settlement import SettlementParameters
from models.controls.unknowns import UnknownParameters
from models.coordinator import CoordinatorParameters
from models.executor import ExecutorParameters
from models.feeds import FeedParameters
from models.flow import FlowParameters
from models.gate_parameters import GateParameters
from models.inventory import InventoryParameters
from models.leg_risk import LegParameters
from models.limits import RiskParameters
from models.marks import MarkParameters
from models.outages import RuntimeParameters
from models.paper.parameters import PaperParameters
from models.phase import PhaseParameters
from models.quotes import QuoteParameters
from models.storage import JournalParameters, TapeParameters
from models.strategies.complete_set import CompleteSetParameters
from models.strategies.lead_lag import LeadLagParameters
from models.strategies.maker import MakerParameters
from models.strategies.two_sided import TwoSidedParameters
from models.unwind import FlattenParameters


class EngineParameters(msgspec.Struct, frozen=True):
    """One field a section."""

    book: BookParameters = BookParameters()
    feed: FeedParameters = FeedParameters()
    flow: FlowParameters = FlowParameters()
    inventory: InventoryParameters = InventoryParameters()
    leg: LegParameters = LegParameters()
    marks: MarkParameters = MarkParameters()
    phase: PhaseParameters = PhaseParameters()
    quotes: QuoteParameters = QuoteParameters()
    coordinator: CoordinatorParameters = CoordinatorParameters()
    flatten: FlattenParameters = FlattenParameters()
    risk: RiskParameters = RiskParameters()
    pace: PaceParameters = PaceParameters()
    price: PriceParameters = PriceParameters()
    market: MarketParameters = MarketParameters()
    losses: LossParameters = LossParameters()
    rejects: RejectParameters = RejectParameters()
    unknowns: UnknownParameters = UnknownParameters()
    settlement: SettlementParameters = SettlementParameters()
    failures: FailureParameters = FailureParameters()
    cash_drift: CashDriftParameters = CashDriftParameters()
    repetition: RepetitionParameters = RepetitionParameters()
    markouts: MarkoutParameters = MarkoutParameters()
    arming: ArmingParameters = ArmingParameters()
    executor: ExecutorParameters = ExecutorParameters()
    gate: GateParameters = GateParameters()
    paper: PaperParameters = PaperParameters()
    journal: JournalParameters = JournalParameters()
    tape: TapeParameters = TapeParameters()
    runtime: RuntimeParameters = RuntimeParameters()
    maker: MakerParameters = MakerParameters()
    lead_lag: LeadLagParameters = LeadLagParameters()
    complete_set: CompleteSetParameters = CompleteSetParameters()
    two_sided: TwoSidedParameters = TwoSidedParameters()

"""Create the hub's parts and connect them."""

import time

from device.hub.actions.registry import build_dispatcher
from device.hub.gallery.selector import GallerySelector
from device.hub.gallery.trigger import VoiceTrigger
from device.hub.history.writer import History
from device.hub.hub import Hub
from device.hub.ipc.live_view import LiveViewServer
from device.hub.ipc.sense_server import SenseServer
from device.hub.metrics import Counters, render_metrics
from device.hub.mqtt.commands import CommandLimiter
from device.hub.mqtt.discovery import DiscoveryPublisher
from device.hub.mqtt.outbox import Outbox
from device.hub.mqtt.session import MqttSession
from device.hub.rules.engine import RuleEngine
from device.hub.rules.runner import ActionRunner, RunnerLimits
from device.hub.state import profiles
from device.hub.state.pending_switches import PendingSwitches
from device.hub.state.store import StateStore
from device.hub.web.routes import gallery
from device.hub.web.routes.api import Api
from device.hub.web.routes.live_view import LiveRoute
from device.hub.web.server import WebServer
from device.settings.actions.virtual import Lamp, Player
from device.settings.schema import Settings


def build_hub(settings: Settings, *, dry: bool = False, runner_limits: RunnerLimits | None = None) -> Hub:
    """A hub for `settings`, ready to run. With `dry`, rules fire and are logged, but no action is carried out.

    Call it inside a running event loop.
    """
    state_dir = settings.state_dir
    kiosk = settings.kiosk
    store = StateStore(settings.home.name)
    counters = Counters(rule.name for rule in settings.rules)
    hub = Hub(settings, store, counters, RuleEngine(settings.rules))
    hub.switches = PendingSwitches(state_dir, settings.runtime_dir)
    hub.sense = SenseServer(settings.runtime_dir, hub.on_message, hub.on_disconnect, hub.switches.commands)
    hub.history = history = History(
        state_dir, settings.history.keep_days, hub.on_stored, lambda text: hub.show(history=text)
    )
    if settings.mqtt.host:
        hub.outbox = Outbox(history, hub.on_delivered, lambda text: hub.show(outbox=text))
        hub.mqtt = MqttSession(
            settings.mqtt,
            settings.home.name,
            lambda text: hub.show(mqtt=text),
            outbox=hub.outbox,
            discovery=DiscoveryPublisher(settings.mqtt, settings.home.name, state_dir, lambda: store.now),
            commands=CommandLimiter(lambda: store.now, hub.execute, counters.rejected.inc),
            on_acknowledged=counters.messages.inc,
        )
    dispatcher = build_dispatcher(
        settings, hub.mqtt, lambda state: hub.show(lamp=state), lambda state: hub.show(player=state), dry=dry
    )
    hub.actions = ActionRunner(dispatcher, history.remember, counters, runner_limits)
    hub.live_view = LiveViewServer(
        settings.runtime_dir,
        hub.sense.send,
        lambda watchers: hub.show(watchers=watchers),
        is_allowed=kiosk.enabled and kiosk.live_view,
    )
    trigger = VoiceTrigger(settings.microphone.interval_s, settings.mood.min_confidence)
    hub.gallery = GallerySelector(state_dir, store, trigger)
    if kiosk.enabled:
        api = Api(
            store,
            hub.execute,
            history,
            lambda accept: render_metrics(store.now, counters, history_waiting=history.waiting, accept=accept),
            state_dir,
        )
        routes = [*api.routes(), *LiveRoute(hub.live_view, store).routes(), *gallery.routes(hub.gallery)]
        hub.web = WebServer(kiosk, routes, state_dir, lambda text: hub.show(page=text))
    store.change(
        lamp=dispatcher.state(Lamp),
        player=dispatcher.state(Player),
        available_since_utc_s=time.time(),
        mqtt="MQTT broker: connecting" if hub.mqtt else None,
        profile=profiles.load(state_dir, settings.profiles),
        profiles=settings.profiles,
        night=kiosk.night,
        house=kiosk.is_open_to_house,
        live_view=kiosk.live_view,
    )
    return hub

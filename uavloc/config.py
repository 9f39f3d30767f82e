"""Every setting of localizer and onboard program, in one tree; `config.toml` beside a result repeats the run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Literal, TypeVar

import tomli_w
from pydantic import BaseModel, Field, ValidationError

from uavloc.errors import ConfigError
from uavloc.flightconfig import (
    LinkConfig,
    MissionConfig,
    MonitorConfig,
    OnboardConfig,
    OperatorConfig,
    PublishConfig,
    RecorderConfig,
    SourceConfig,
)
from uavloc.section import Section
from uavloc.types import KEY_DIGITS, Precision, Provider
from uavloc.validation import refusal

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class EngineConfig(Section):
    """Which descriptor is used, and what computes it."""

    name: str = Field(default="evergreen", description="Engine folder: a name that came with the program, or a path.")
    threads: int = Field(default=0, ge=0, description="Threads for encoding on the CPU; 0 lets the runtime choose.")
    provider: Provider = Field(
        default="cpu", description="What computes: cpu, cuda or tensorrt-ep (ONNX Runtime), or tensorrt itself."
    )
    precision: Precision = Field(
        default="fp32", description="Which variant of the engine is computed; not every engine has others than fp32."
    )


class CacheConfig(Section):
    """What is asked of a tile cache before it is flown with."""

    public_key: str = Field(
        default="",
        description="Key that the cache must be signed with: 64 hex digits, or the path of a PEM file, from the folder "
        "of this file. Empty: none.",
    )


class OrthoConfig(Section):
    """Laying the frame on the ground."""

    max_oblique_deg: float = Field(
        default=60.0, gt=0, lt=89, description="Rays flatter than this from nadir are cut away."
    )
    max_patch_px: int = Field(
        default=640, ge=64, le=4096, description="Longest side of the view; decides the map level used."
    )
    cut_px: int = Field(
        default=448,
        ge=64,
        le=4096,
        description="Longer sides are cut around the middle: more costs more than it tells.",
    )
    min_valid_share: float = Field(
        default=0.15, ge=0, le=1, description="Share of the patch that must hold real pixels."
    )
    min_texture: float = Field(
        default=1.5, ge=0, description="Scatter of grey (of 255) in the patch under which there is nothing to match."
    )
    max_attitude_age_s: float = Field(
        default=0.5, gt=0, description="An older attitude makes the outcome STALE_ATTITUDE."
    )
    max_height_age_s: float = Field(default=2.0, gt=0, description="An older height makes the outcome NO_HEIGHT.")


class RegisterConfig(Section):
    """Finding the patch on the map."""

    heading_step_deg: float = Field(default=4.0, gt=0, description="Spacing of the heading search.")
    scale_step: float = Field(default=0.06, gt=0, lt=0.5, description="Spacing of the scale search, as a share.")
    heading_reach_deg: float = Field(
        default=12.0, gt=0, description="How far descriptors are turned rather than the frame encoded anew."
    )
    scale_reach: float = Field(default=0.24, gt=0, description="The same for scale, as a share.")
    max_steps: int = Field(default=3, ge=1, le=10, description="Most steps to either side in heading and in scale.")
    max_window_px: int = Field(
        default=1000, ge=128, le=8192, description="Longest side of a search window; wider ones use a coarser level."
    )
    search_sigmas: float = Field(
        default=3.0, gt=0, description="Half side of the search window in standard deviations."
    )
    min_radius_m: float = Field(default=50.0, gt=0, description="Smallest half side of the search window.")
    max_radius_m: float = Field(default=250.0, gt=0, description="Largest half side of the search window.")
    min_overlap: float = Field(default=0.5, gt=0, le=1, description="Share of the patch that must lie on known map.")
    surroundings_m: float = Field(
        default=40.0, gt=0, description="A place must stand out of a box of this side around it."
    )
    min_score: float = Field(
        default=4.5, ge=0, description="Smallest correlation peak that is a fix, in noise units of the surface."
    )
    min_margin: float = Field(
        default=2.0, ge=0, description="Evidence (nats) a fix must keep over any other place where the vehicle may be."
    )
    exclusion_m: float = Field(
        default=10.0, gt=0, description="Places nearer to the peak than this count as the same place."
    )
    temper: float = Field(
        default=0.5, gt=0, le=1, description="Share of the correlation's log-likelihood that is believed."
    )
    map_std_m: float = Field(default=1.2, ge=0, description="Georeference and lean of the map, 1 sigma per axis.")


class RefineConfig(Section):
    """Sharpening a match with local features."""

    enabled: bool = Field(default=False, description="Whether matches are refined at all.")
    features: Literal["sift", "orb"] = Field(default="sift", description="Kind of local features.")
    features_per_mpx: int = Field(default=8000, ge=100, le=100_000, description="Features kept per million pixels.")
    ratio: float = Field(default=0.85, gt=0, le=1, description="Largest distance to the best over the second best.")
    reprojection_px: float = Field(default=2.0, gt=0, description="Farther than this from the fit is no inlier.")
    min_inliers: int = Field(default=12, ge=4, description="Features that must agree.")
    min_spread: float = Field(
        default=0.1, ge=0, description="Least scatter of them in any direction, as a share of the patch's side."
    )
    max_scale: float = Field(default=1.25, gt=1, description="Largest factor between the scale of fit and match.")
    max_turn_deg: float = Field(default=10.0, gt=0, le=180, description="Largest turn between fit and match.")
    max_sigmas: float = Field(
        default=3.0, gt=0, description="Largest move of a match, in standard deviations of match and fit together."
    )


class OdometryConfig(Section):
    """Motion between frames."""

    ratio: float = Field(default=0.85, gt=0, le=1, description="Largest distance to the best over the second best.")
    reprojection_px: float = Field(default=3.0, gt=0, description="Farther than this from the motion is no inlier.")
    min_inliers: int = Field(default=15, ge=4, description="Features that must agree on a motion.")
    min_inlier_share: float = Field(default=0.25, gt=0, le=1, description="Share of the matched ones that must.")
    rival_share: float = Field(
        default=0.5, gt=0, le=1, description="With this many for another motion, as a share, the motion is not clear."
    )
    std_px: float = Field(default=0.3, gt=0, description="Least noise of a displacement, 1 sigma per axis.")
    std_share: float = Field(
        default=0.03, ge=0, description="Further noise as a share of the distance: relief and tilt."
    )
    min_gap_s: float = Field(default=0.4, ge=0, description="Frames closer than this are not compared: little moved.")
    max_gap_s: float = Field(default=5.0, gt=0, description="Frames farther apart than this are not compared.")
    tilt_share: float = Field(default=0.3, ge=0, description="Share of the tilt error that changes between frames.")
    log_scale_std: float = Field(
        default=0.01,
        ge=0,
        description="Further noise of the change of height, as a share: tilt looks like it.",
    )


class FilterConfig(Section):
    """The estimator and its gates."""

    accel_mps2: float = Field(default=5.0, gt=0, description="Unknown acceleration over one second, 1 sigma.")
    drift_mps: float = Field(
        default=0.3,
        ge=0,
        description="Least drift of odometry in 1 s, 1 sigma: what it follows may move.",
    )
    max_speed_mps: float = Field(default=40.0, gt=0, description="Faster than this the vehicle cannot fly.")
    heading_bias_walk_deg: float = Field(default=0.3, ge=0, description="Drift of the heading bias in 1 s, 1 sigma.")
    scale_memory_s: float = Field(
        default=60.0, gt=0, description="Time after which an error of the height is forgotten, unless it is seen again."
    )
    mount_std_deg: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="How far the camera may be mounted otherwise than told, about either axis, 1 sigma; 0: as told.",
    )
    mount_memory_s: float = Field(
        default=3600.0, gt=0, description="Time after which what was learned of the mount is forgotten."
    )
    turn_rate_dps: float = Field(
        default=20.0, gt=0, description="Turning of a vehicle without a compass, degrees per second, 1 sigma."
    )
    heading_noise_deg: float = Field(default=2.5, ge=0, description="Noise of one heading around its bias, 1 sigma.")
    scale_noise: float = Field(
        default=0.02, ge=0, description="Noise of one height around its bias, as a share, 1 sigma."
    )
    min_scale_std: float = Field(default=0.08, gt=0, description="Least height uncertainty at the start, as a share.")
    imu: bool = Field(default=True, description="Whether accelerometer and gyro are used, where there are any.")
    imu_noise_mps2: float = Field(
        default=0.25, gt=0, description="Noise of a measured acceleration over one second, 1 sigma."
    )
    imu_turn_share: float = Field(
        default=0.1, ge=0, description="Further noise as a share of the acceleration: heading and tilt in turns."
    )
    imu_bias_mps2: float = Field(
        default=0.5,
        gt=0,
        description="Lasting error of a measured acceleration, forward and right, 1 sigma: accelerometer, and tilt by "
        "an autopilot without GNSS (3 degrees).",
    )
    imu_bias_memory_s: float = Field(default=30.0, gt=0, description="Time in which it becomes another one.")
    airspeed: bool = Field(default=True, description="Whether a measured air speed is used, where there is one.")
    min_airspeed_mps: float = Field(
        default=7.0, gt=0, description="Slower than this a vehicle need not fly where its nose points."
    )
    wind_mps: float = Field(default=8.0, gt=0, description="Wind before anything was measured, 1 sigma per axis.")
    wind_memory_s: float = Field(
        default=300.0,
        gt=0,
        description="Time in which it becomes another one, or a pitot tube that ices up feigns another one.",
    )
    gust_mps: float = Field(default=1.0, gt=0, description="Gusts of a few seconds, 1 sigma per axis.")
    slip_deg: float = Field(
        default=4.0, ge=0, description="How far the air comes from aside the measured heading, 1 sigma."
    )
    air_turn_share: float = Field(
        default=0.06,
        ge=0,
        description="Share of a change of the air velocity that is wrong: what sensors get wrong turns with the "
        "vehicle, and was taken for wind.",
    )
    gate_chi2: float = Field(default=13.8, gt=0, description="Largest squared innovation (2 dof; 13.8 is 99.9 %).")
    history_s: float = Field(default=5.0, gt=0, description="How late a fix may come and still be used.")


class EvidenceConfig(Section):
    """What a correlation peak is worth: its scores at the true place and at wrong ones."""

    detection: float = Field(default=0.95, gt=0, lt=1, description="Share of frames whose true place peaks at all.")
    fade_per_year: float = Field(
        default=0.015, ge=0, le=0.1, description="Share of these that is lost with every year between map and flight."
    )
    unknown_age_years: float = Field(
        default=0.0, ge=0, le=50, description="Age of a map, or at the time of a flight, that is not known."
    )
    old_map_years: float = Field(
        default=5.0, gt=0, description="Years between map and flight from which a replay warns of it."
    )
    elsewhere: float = Field(
        default=0.1, gt=0, lt=1, description="Probability that the vehicle is nowhere where it was looked for."
    )
    true_score: float = Field(default=11.0, gt=0, description="Mean score at the true place.")
    true_spread: float = Field(default=3.5, gt=0, description="Its scatter, 1 sigma.")
    clutter_score: float = Field(default=5.3, gt=0, description="Score that one wrong peak in 0.1 km2 exceeds.")
    clutter_spread: float = Field(
        default=0.7, gt=0, description="Scores over that by this are e times rarer among wrong peaks."
    )
    miss: float = Field(default=2.5, ge=0, description="Evidence (nats) lost where the expected place does not match.")
    new_error_fresh: float = Field(
        default=0.4, gt=0, description="How new (1: in full) a view must be for its error to be independent."
    )
    same_ground_weight: float = Field(
        default=0.3, gt=0, le=1, description="Weight of a fix over the same ground: there only sensors err anew."
    )
    min_motion_m: float = Field(default=4.0, ge=0, description="Motion under which a view is not new at all.")
    miss_memory_s: float = Field(
        default=20.0, gt=0, description="Time without a match that counts as much as a picture's worth of new ground."
    )
    fresh_share: float = Field(
        default=0.4, gt=0, description="Motion, as a share of the picture's side on the ground, after which a view "
        "is new evidence in full."
    )  # fmt: skip


class ConsensusConfig(Section):
    """Whether the parts of a picture agree on its place."""

    rows: int = Field(default=2, ge=1, le=8, description="Parts along the height of the picture.")
    columns: int = Field(default=3, ge=1, le=8, description="Parts along its width.")
    reach_m: float = Field(default=30.0, gt=0, description="How far from the place of the whole a part is sought.")
    tolerance_m: float = Field(default=8.0, gt=0, description="A part that peaks within this of the whole agrees.")
    min_seen: float = Field(default=0.3, gt=0, le=1, description="Share of a part that must hold real pixels.")
    true_share: float = Field(default=0.85, gt=0, lt=1, description="Share of parts that agree at the true place.")
    wrong_share: float = Field(default=0.3, gt=0, lt=1, description="Share of parts that agree at a wrong place.")
    max_gain: float = Field(default=4.0, ge=0, description="Most evidence (nats) that agreement is taken for.")


class IntegrityConfig(Section):
    """When a position is published at all. Odds are natural logarithms."""

    confirm_odds: float = Field(
        default=7.0, ge=-100, le=100, description="Log odds from which a place is believed and published."
    )
    confirm_looks: float = Field(
        default=1.1, ge=0, description="Views, the new ground of each as a share, that a place must have passed."
    )
    demote_odds: float = Field(
        default=3.0, ge=-100, le=100, description="Log odds below which a published place is given up."
    )
    lead: float = Field(default=5.0, ge=0, description="Log odds it must keep over any other place.")
    birth_odds: float = Field(default=-6.0, ge=-100, le=100, description="Log odds from which a place is kept in mind.")
    max_odds: float = Field(default=16.0, gt=0, le=100, description="No place is believed more than this.")
    kidnap_odds: float = Field(
        default=-7.0, ge=-100, le=100, description="Log odds that a believed place is wrong, for every frame."
    )
    lost_std_m: float = Field(default=60.0, gt=0, description="Uncertainty (1 sigma) of a place that was given up.")
    hypotheses: int = Field(default=6, ge=1, le=32, description="Places kept in mind at one time.")
    same_place_m: float = Field(default=15.0, gt=0, description="Places nearer to each other than this are one.")
    georeference_std_m: float = Field(
        default=1.0, ge=0, description="What all fixes near each other have wrong alike, 1 sigma per axis: the "
        "georeference of the map. No filter averages it away, so it is added to what is published."
    )  # fmt: skip
    relief_share: float = Field(
        default=0.12, ge=0, description="Ground seen aslant is displaced by this share of how far aside it lies, "
        "1 sigma: relief, and for oblique cameras the angle of the mount. Less where the mount is estimated."
    )  # fmt: skip
    max_std_m: float = Field(
        default=20.0, gt=0, description="A position less certain than this (1 sigma) is not published."
    )
    risk: float = Field(
        default=1e-3, gt=0, lt=0.5, description="Probability with which the error may exceed the protection level."
    )


class ColdStartConfig(Section):
    """Finding the vehicle where nothing, or nothing true, is known of its position."""

    max_prior_std_m: float = Field(
        default=150.0, gt=0, description="Worse than this (1 sigma), only places that resemble the frame are looked at."
    )
    patience: int = Field(default=10, ge=1, description="Frames without success after which a prior is not believed.")
    regions: int = Field(default=4, ge=1, le=64, description="Regions of the map that are looked at per frame.")
    region_radius_m: float = Field(default=90.0, gt=0, description="Half side of the search in one of them.")
    check_radius_m: float = Field(default=40.0, gt=0, description="Half side of the search at a place kept in mind.")
    checks: int = Field(default=3, ge=1, le=32, description="Places of each kind that are looked at closely per frame.")
    widening: float = Field(default=2.0, ge=1, description="Steps of turns are this much wider in wide looks.")
    settled_odds: float = Field(
        default=5.0, ge=-100, le=100, description="Log odds of a place from which no others are sought."
    )
    heading_std_deg: float = Field(
        default=20.0, gt=0, description="Worse than this (1 sigma), a prior is not searched as one."
    )
    compass_fault_deg: float = Field(
        default=60.0, gt=0, le=180, description="Farther off than this no compass is, even one that is not believed."
    )


class Config(Section):
    """The whole tree."""

    engine: EngineConfig = EngineConfig()
    cache: CacheConfig = CacheConfig()
    ortho: OrthoConfig = OrthoConfig()
    registration: RegisterConfig = RegisterConfig()
    refine: RefineConfig = RefineConfig()
    odometry: OdometryConfig = OdometryConfig()
    filter: FilterConfig = FilterConfig()
    evidence: EvidenceConfig = EvidenceConfig()
    consensus: ConsensusConfig = ConsensusConfig()
    cold_start: ColdStartConfig = ColdStartConfig()
    integrity: IntegrityConfig = IntegrityConfig()
    mission: MissionConfig = MissionConfig()
    source: SourceConfig = SourceConfig()
    link: tuple[LinkConfig, ...] = Field(default=(LinkConfig(),), min_length=1, max_length=8, strict=False)
    publish: PublishConfig = PublishConfig()
    recorder: RecorderConfig = RecorderConfig()
    operator: OperatorConfig = OperatorConfig()
    monitor: MonitorConfig = MonitorConfig()
    onboard: OnboardConfig = OnboardConfig()


Model = TypeVar("Model", bound=BaseModel)


def load_config(path: Path | None) -> Config:
    """The defaults, with what a TOML file changes; raises ConfigError naming file and field.

    The path of a key counts from the folder of the file that names it, and becomes absolute.
    """
    if path is None:
        return Config()
    try:
        return _beside(path, config_from_text(path.read_text(encoding="utf-8"), str(path)))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not TOML: is no text of UTF-8: {error.reason}") from error


def config_from_text(text: str, where: str) -> Config:
    """The defaults, with what a TOML text changes; raises ConfigError naming `where` and the field."""
    try:
        return Config.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise ConfigError(f"{where}: {refusal(error, Config)}") from error
    except ValueError as error:
        raise ConfigError(f"{where}: not TOML: {error}{_toml_hint(text, str(error))}") from error


def _toml_hint(text: str, error: str) -> str:
    """What is likely meant by the line that the parser stopped at."""
    at, lines = re.search(r"at line (\d+)", error), text.splitlines()
    line = lines[int(at[1]) - 1].strip() if at and int(at[1]) <= len(lines) else ""
    name, equals, value = (part.strip() for part in line.partition("="))
    if equals and re.match(r"[^\W\d]|[/~.]", value):
        return f"; text stands in quotes: {name} = '{value}'"
    if re.fullmatch(r"[\w.-]+\s*:.*", line):
        return "; a value follows its name after '=': name = value"
    return "; 'uavloc run --init ardupilot' shows how it is written"


def _beside(path: Path, config: Config) -> Config:
    """The configuration with the key's path from where its file is, not from where the program runs."""
    key = config.cache.public_key
    if not key or re.fullmatch(KEY_DIGITS, key):
        return config
    found = str((path.parent / key).absolute())
    return config.model_copy(update={"cache": config.cache.model_copy(update={"public_key": found})})


def dump_config(config: Config) -> str:
    """The effective configuration as TOML; `load_config` reads it back unchanged."""
    return tomli_w.dumps(config.model_dump())

"""DeepMAD: design a CNN by mathematical programming on a CPU, with a proven optimality gap. Never imports torch."""

from .certificate import certificate, problem_from_json, problem_to_json
from .conventions import CONVENTIONS, RELEASED, RELEASED_WITH_BUG, SOUND, Convention, convention
from .errors import CertificateRefused, DesignError, InfeasibleDesign
from .evaluate import Evaluation, evaluate
from .grid import Grid, default_grid, grid_from_json, load_grid
from .leafcheck import enumerate_leaf, milp_leaf
from .problem import Problem
from .solver import Solution, solve
from .structure import Conv, Stage, Structure, structure_from_json, structure_from_released
from .verify import Verified, verify

__all__ = [
    "CONVENTIONS",
    "RELEASED",
    "RELEASED_WITH_BUG",
    "SOUND",
    "CertificateRefused",
    "Conv",
    "Convention",
    "DesignError",
    "Evaluation",
    "Grid",
    "InfeasibleDesign",
    "Problem",
    "Solution",
    "Stage",
    "Structure",
    "Verified",
    "certificate",
    "convention",
    "default_grid",
    "enumerate_leaf",
    "evaluate",
    "grid_from_json",
    "load_grid",
    "milp_leaf",
    "problem_from_json",
    "problem_to_json",
    "solve",
    "structure_from_json",
    "structure_from_released",
    "verify",
]

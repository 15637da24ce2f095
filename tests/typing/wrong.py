"""Mistakes that a type checker must find, one on each line that ends with `# wrong`: never run, only checked."""

from __future__ import annotations

import longtake as lt
from longtake.tasks import concatenate, generate, submit

studio = lt.Studio.from_env()
shot = lt.Shot("a", "A", lenght=4)  # wrong
scene = lt.Scene("one", "shots")  # wrong
studio.make_sync("film.yaml", bugdet=9000)  # wrong
studio.make_sync("film.yaml", downstream="casscade")  # wrong
studio.generate_sync("a cat")  # wrong
generate("a cat")  # wrong
generate(lt.Shot("a", "A"), bugdet=9000)  # wrong
submit(lt.Shot("a", "A"))  # wrong
concatenate([lt.Shot("a", "A")], title="Cats")  # wrong
lt.Answer("yes")  # wrong

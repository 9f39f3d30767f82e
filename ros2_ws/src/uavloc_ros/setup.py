# Copyright 2026 The uavloc developers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Installs the package into a colcon workspace."""

from pathlib import Path
import re
import sys

from setuptools import find_packages, setup
from setuptools.command.develop import develop

NAME = 'uavloc_ros'
SHARE = f'share/{NAME}'
# Programs start with the Python of the environment that builds them; built by the system's own
# Python, which knows nothing of an active environment, with the one that is active when they
# start. While colcon builds, sys.prefix is the folder it installs to, and sys.real_prefix what
# sys.prefix was.
OF_AN_ENVIRONMENT = getattr(sys, 'real_prefix', sys.prefix) != sys.base_prefix
ANY_PYTHON = '/usr/bin/env python3'


class Develop(develop):
    """What colcon runs for --symlink-install: it has no option for the Python of the programs."""

    def write_script(self, script_name: str, contents: str, *rest: object) -> None:
        """Write a program that starts with any Python."""
        super().write_script(script_name, re.sub('^#!.*', f'#!{ANY_PYTHON}', contents), *rest)


setup(
    name=NAME,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (SHARE, ['package.xml']),
        (f'{SHARE}/launch', [str(path) for path in sorted(Path('launch').glob('*.launch.py'))]),
        (f'{SHARE}/config', [str(path) for path in sorted(Path('config').iterdir())]),
    ],
    install_requires=['setuptools'],
    tests_require=['pytest'],  # colcon of Humble and Jazzy looks for it here, a later one below
    extras_require={'test': ['pytest']},
    zip_safe=True,
    options={} if OF_AN_ENVIRONMENT else {'build_scripts': {'executable': ANY_PYTHON}},
    cmdclass={} if OF_AN_ENVIRONMENT else {'develop': Develop},
    maintainer='The uavloc developers',
    maintainer_email='maintainers@uavloc.org',
    description='Position of a drone without GNSS, from pictures and a map, as a lifecycle node',
    license='Apache-2.0',
    entry_points={'console_scripts': ['uavloc_node = uavloc_ros.node:main']},
)

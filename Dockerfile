# syntax=docker/dockerfile:1
# One image for every node: a laptop, Ray on AWS (cluster.yaml), KubeRay and, through Apptainer, Slurm.
#
#   docker build -t balancing-act .                                    CUDA, as PyPI's torch brings it
#   docker build -t balancing-act:cpu --build-arg DEVICE=cpu .         a third of the size, for CPUs alone
#   docker run --rm -v "$PWD/runs:/home/ray/runs" balancing-act sweep demo
#
# Python and every package are those of constraints.txt. Nothing secret is needed to build it, and nothing is in it.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE MANIFEST.in ./
COPY balancing ./balancing
COPY sweep ./sweep
# requirements.txt changes with pyproject.toml alone, so the layer that holds torch outlives a change of the code.
ARG EXTRAS="dicom excel hdf5 optuna"
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && python -c "import sys, tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *(r for e in sys.argv[1:] for r in p['optional-dependencies'][e]), sep='\n')" ${EXTRAS} > /wheel/requirements.txt

FROM python:${PYTHON}-slim-bookworm
# bash, ssh, rsync: Ray's cluster launcher. wget: KubeRay's probes. tini: ends what a stopped container leaves behind.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bash openssh-client procps rsync tini wget \
    && rm -rf /var/lib/apt/lists/*
# The user of Ray's own images, so that cluster.yaml's folders and rights fit.
RUN useradd --uid 1000 --gid users --create-home --shell /bin/bash ray

# torch and torchvision first: the largest layer, and the one that `DEVICE` decides. `==` takes a build such as 2.14.1+cpu.
ARG DEVICE=cuda
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt /opt/balancing-act/constraints.txt
RUN case "${DEVICE}" in \
    cpu) grep -E '^(torch|torchvision)==' /opt/balancing-act/constraints.txt > /tmp/torch.txt \
         && pip install --no-cache-dir --no-deps --index-url "${CPU_INDEX}" --requirement /tmp/torch.txt ;; \
    cuda) ;; \
    *) echo "DEVICE must be cpu or cuda, but is ${DEVICE}" >&2; exit 1 ;; \
    esac
COPY --from=wheel /wheel/requirements.txt /opt/balancing-act/requirements.txt
RUN pip install --no-cache-dir --constraint /opt/balancing-act/constraints.txt \
    --requirement /opt/balancing-act/requirements.txt
COPY --from=wheel /wheel/*.whl /opt/balancing-act/
RUN pip install --no-cache-dir --no-deps --no-index /opt/balancing-act/*.whl && pip check

# NVIDIA's container toolkit reads these two; without a GPU they do nothing.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    RAY_USAGE_STATS_ENABLED=0
USER 1000:100
WORKDIR /home/ray
# Whatever is asked for runs beneath tini: `sweep ...`, or what Ray's launcher and KubeRay start.
ENTRYPOINT ["tini", "--"]
CMD ["sweep", "--help"]

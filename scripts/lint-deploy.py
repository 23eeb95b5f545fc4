"""Reads deploy/*.yaml and deploy/systemd/* as their tools would, and holds each call of sluice in them against the real
binary: every flag and every SLUICE_* must be one of its role. usage: lint-deploy.py SLUICE-BINARY"""
import pathlib, re, subprocess, sys
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
SLUICE = sys.argv[1]
wrong = []


def check(place, good, what):
    if not good:
        wrong.append(f"{place}: {what}")


def flags_of(role):
    out = subprocess.run([SLUICE, role, "--help"], capture_output=True, text=True)
    return set(re.findall(r"--[a-z][a-z-]+", out.stdout)) if out.returncode == 0 else None


def call(place, words, env):
    words = [str(word) for word in words]
    flags = flags_of(words[0]) if words else None
    check(place, flags, f"sluice has no command {words[:1]}")
    for word in words[1:]:
        check(place, not word.startswith("--") or word in (flags or ()), f"sluice {words[0]} has no {word}")
    every = flags_of("aggregator")
    for name in env:
        flag = "--" + name.removeprefix("SLUICE_").lower().replace("_", "-")
        check(place, not name.startswith("SLUICE_") or flag in every, f"{name} is no setting")


def compose(path):
    doc = yaml.safe_load(path.read_text())
    services, volumes = doc["services"], doc.get("volumes", {})
    for name, service in services.items():
        place = f"{path.name}: {name}"
        check(place, "image" in service, "has no image")
        for other in service.get("depends_on", []):
            check(place, other in services, f"depends on {other}, which is not there")
        for volume in service.get("volumes", []):
            check(place, volume.split(":")[0] in volumes, f"{volume} is no volume")
        if service["image"].startswith("sluice:"):
            call(place, service["command"], service.get("environment", {}))


def kubernetes(paths):
    docs = [(path.name, doc) for path in paths for doc in yaml.safe_load_all(path.read_text())]
    config = {d["metadata"]["name"]: d["data"] for _, d in docs if d["kind"] == "ConfigMap"}
    labels = [d["spec"]["template"]["metadata"]["labels"] for _, d in docs if "template" in d.get("spec", {})]
    for name, doc in docs:
        place = f"{name}: {doc['kind']} {doc['metadata']['name']}"
        check(place, re.fullmatch(r"(apps/|policy/)?v1", doc["apiVersion"]), f"apiVersion {doc['apiVersion']}")
        selector = doc.get("spec", {}).get("selector", {})
        selector = selector.get("matchLabels", selector)
        check(place, not selector or selector in labels, f"selects {selector}, which no pod has")
        for container in doc.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            ports = {port["name"] for port in container["ports"]}
            for probe in ("livenessProbe", "readinessProbe"):
                check(place, container[probe]["httpGet"]["port"] in ports, f"{probe} asks a port that is not there")
            env = {one["name"] for one in container.get("env", [])}
            for one in container.get("envFrom", []):
                of = one["configMapRef"]["name"]
                check(place, of in config, f"there is no ConfigMap {of}")
                env |= set(config.get(of, {}))
            call(place, container["args"], env)
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            claims = {claim["metadata"]["name"] for claim in doc["spec"].get("volumeClaimTemplates", [])}
            check(place, mounts == claims, f"mounts {mounts}, claims {claims}")


def systemd(paths):
    for path in paths:
        for words in re.findall(r"^ExecStart=/usr/bin/sluice (.*)$", path.read_text(), re.M):
            call(path.name, words.split(), [])


compose(DEPLOY / "compose.yaml")
kubernetes(sorted((DEPLOY / "kubernetes").glob("*.yaml")))
systemd(sorted((DEPLOY / "systemd").glob("*.service")))
for line in wrong:
    print(line)
sys.exit(1 if wrong else 0)

/// Everything that a command line can ask for; `container ls` and `ps` are the same thing.
enum Action: Int, Sendable {
    case run, create, start, stop, restart, kill, wait, attach, logs, exec, remove, rename, list, containerPrune
    case inspect, containerInspect, imageInspect, networkInspect
    case images, load, importImage, tag, removeImage, history
    case networks
    case version, info, events
}

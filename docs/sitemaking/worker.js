// Browsers start no worker from a page that was opened from the disk. There the search runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      const within = this.frame.contentWindow;
      within.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = within.document.createElement("script");
      script.src = url;
      script.onload = () => {
        for (const data of this.waiting.splice(0)) this.give(data);
        this.waiting = null;
      };
      within.document.head.append(script);
    }
    give(data) {
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.give(data);
    }
    terminate() {
      this.frame.remove();
    }
  };
}

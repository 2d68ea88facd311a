/* What a page may try to read another origin. Gives back all that it found. */
async ([base, run]) => {
    const loot = [], say = (what, value) => loot.push(`${what}: ${value}`);
    const addresses = ["/", "/api/runs", `/api/run/${run}`, `/run/${run}`, `/api/run/${run}/live`].map((path) => base + path);
    const element = (tag, props) => new Promise((done) => {
        const node = Object.assign(document.createElement(tag), props);
        node.onload = () => done([node, "loaded"]);
        node.onerror = () => done([node, "failed"]);
        setTimeout(() => done([node, "nothing"]), 1000);
        document.body.append(node);
    });
    window.onerror = (message) => say("error", message);
    await Promise.all(addresses.map(async (at, n) => {
        for (const [name, options] of [["cors", {}], ["no-cors", {mode: "no-cors"}], ["with cookies", {credentials: "include"}],
            ["no-cors with cookies", {mode: "no-cors", credentials: "include"}], ["kept", {cache: "force-cache", credentials: "include"}],
            ["POST", {method: "POST", credentials: "include"}], ["asking first", {headers: {"x-a": "b"}, credentials: "include"}]]) {
            try {
                const answer = await fetch(at, options);
                say(`fetch ${name}`, `${answer.type} ${answer.status} ${await answer.text()}`);
            } catch (error) { say(`fetch ${name}`, error); }
        }
        const [img, image] = await element("img", {src: at});
        say("img", `${image} ${img.naturalWidth}`);
        say("script", (await element("script", {src: at}))[1]);
        say("style", (await element("link", {rel: "stylesheet", href: at}))[1]);
        for (const tag of ["iframe", "embed", "object"]) {
            const [frame, how] = await element(tag, tag === "object" ? {data: at} : {src: at});
            try { say(tag, `${how} ${frame.contentDocument?.documentElement.outerHTML ?? "no document"}`); } catch (error) { say(tag, error); }
            try { say(`${tag} window`, frame.contentWindow?.document.body.outerHTML); } catch (error) { say(tag, error); }
        }
        await new Promise((done) => {
            const told = new EventSource(at, {withCredentials: true});
            for (const kind of ["message", "step", "over"]) told.addEventListener(kind, (event) => say("EventSource", event.data));
            told.onopen = () => say("EventSource", "opened");
            told.onerror = () => { say("EventSource", `error ${told.readyState}`); told.close(); done(); };
            setTimeout(() => { told.close(); done(); }, 1000);
        });
        await new Promise((done) => {
            const socket = new WebSocket(at.replace("http", "ws"));
            socket.onmessage = (event) => say("WebSocket", event.data);
            socket.onopen = () => say("WebSocket", "opened");
            socket.onclose = done;
        });
        for (const method of ["GET", "POST"]) {
            const [frame] = await element("iframe", {name: `target${method}${n}`});
            const form = Object.assign(document.createElement("form"), {action: at, method, target: `target${method}${n}`});
            document.body.append(form);
            form.submit();
            await new Promise((done) => setTimeout(done, 300));
            try { say("form", frame.contentDocument?.documentElement.outerHTML ?? "no document"); } catch (error) { say("form", error); }
        }
        try { importScripts(at); } catch (error) { say("importScripts", error); }
        try { new Worker(at).onmessage = (event) => say("worker", event.data); } catch (error) { say("worker", error); }
        try { say("module", JSON.stringify(await import(at))); } catch (error) { say("module", error); }
        const opened = window.open(at, `other${n}`);
        await new Promise((done) => setTimeout(done, 300));
        try { say("window", opened.document.documentElement.outerHTML); } catch (error) { say("window", error); }
        opened?.close();
    }));
    for (const entry of performance.getEntriesByType("resource")) say("size", `${entry.encodedBodySize} ${entry.transferSize}`);
    say("cookies", document.cookie);
    return loot;
}

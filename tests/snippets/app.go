package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	request, err := http.NewRequest("GET", "https://api.mch.weixin.qq.com/v3/certificates", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "shop/1")
	request.Header.Set("Authorization", os.Getenv("AUTHORIZATION"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.StatusCode, answer.Header.Get("Wechatpay-Serial"))
}
